/** Know what becomes of the notebook in one panel, and give orders for it. */

import { Notification } from '@jupyterlab/apputils';
import { DocumentRegistry } from '@jupyterlab/docregistry';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Contents } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { IState, IVersion, Order, Server } from './server';

const CALM = { interval: 2000, backoff: true, max: 30000 };
/** While something is about to change. */
const QUICK = { interval: 400, backoff: true, max: 30000 };
const STAYS_QUICK = 10000;
const UNDER_WAY = ['starting', 'swapping', 'stopping'];

export class Served implements IDisposable {
  constructor(
    readonly panel: NotebookPanel,
    private readonly _server: Server,
    private readonly _contents: Contents.IManager
  ) {
    this._poll = new Poll({
      name: `notebook-runner:${panel.id}`,
      auto: false,
      factory: () => this._look(),
      frequency: QUICK,
      standby: () => document.hidden || !panel.isVisible
    });
    panel.context.saveState.connect(this._onSave, this);
    panel.disposed.connect(this.dispose, this);
    this.hurry();
  }

  get state(): IState {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** Look at once, and often for a while: something is about to change. */
  hurry(): void {
    this._quickUntil = Date.now() + STAYS_QUICK;
    this._poll.frequency = QUICK;
    void this._poll.refresh();
  }

  async order(what: Order, version = ''): Promise<void> {
    this.hurry();
    await this._told(what, async () => {
      const path = this._path;
      const { ok, reason } = await this._server.order(path, what, version);
      if (!ok) {
        throw new Error(reason);
      }
    });
    if (!this.isDisposed) {
      this.hurry();
    }
  }

  /** List what can be gone back to; nothing, and say why, if nobody can tell. */
  async versions(): Promise<IVersion[]> {
    const ask = () => this._server.versions(this._path);
    return (await this._told('versions', ask)) ?? [];
  }

  async cockpit(): Promise<string | undefined> {
    return this._told('cockpit', () => this._server.cockpit(this._path));
  }

  private async _told<T>(
    what: string,
    ask: () => Promise<T>
  ): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      Notification.error(`${this._path}: ${what}: ${(error as Error).message}`);
      return undefined;
    }
  }

  private get _path(): string {
    return this._contents.localPath(this.panel.context.path);
  }

  private async _look(): Promise<void> {
    const state = await this._server.state(this._path);
    if (this.isDisposed) {
      return;
    }
    const isUnderWay = UNDER_WAY.includes(state.state);
    const isQuick = isUnderWay || Date.now() < this._quickUntil;
    if (this._poll.frequency.interval !== (isQuick ? QUICK : CALM).interval) {
      this._poll.frequency = isQuick ? QUICK : CALM;
    }
    if (JSON.stringify(state) !== JSON.stringify(this._state)) {
      this._state = state;
      this._changed.emit();
    }
  }

  private _onSave(
    _: DocumentRegistry.Context,
    save: DocumentRegistry.SaveState
  ): void {
    if (save === 'completed') {
      this.hurry();
    }
  }

  private readonly _poll: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private _state: IState = { state: 'not served' };
  private _quickUntil = 0;
}
