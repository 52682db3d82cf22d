/** The badge in a notebook's toolbar: what becomes of its service, and what can be done about it. */

import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import { MenuSvg } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { Served } from './served';
import { IState, IVersion, Name } from './server';

const TONES: Record<Name, 'none' | 'good' | 'busy' | 'bad'> = {
  'not served': 'none',
  starting: 'busy',
  serving: 'good',
  swapping: 'busy',
  failed: 'bad',
  stopping: 'busy',
  silent: 'bad'
};

/** What a badge needs of JupyterLab. */
export interface IOpen {
  /** Open a file of Jupyter's in a tab. */
  file(path: string): void;
  /** Bring the cell that failed into view. */
  failedCell(): void;
}

export class Badge extends Widget {
  constructor(
    private readonly _served: Served,
    private readonly _open: IOpen
  ) {
    super();
    this.addClass('jp-runner-Badge');
    this._button.className = 'jp-runner-Badge-button';
    this._button.setAttribute('aria-haspopup', 'menu');
    this._button.append(this._dot, this._text);
    this._dot.className = 'jp-runner-Badge-dot';
    this._text.setAttribute('role', 'status');
    this._button.addEventListener('click', () => this._openMenu());
    this.node.append(this._button);
    this._addCommands();
    _served.changed.connect(this._show, this);
    this._show();
  }

  dispose(): void {
    this._menu.dispose();
    this._served.dispose();
    super.dispose();
  }

  private _show(): void {
    const { state } = this._served;
    this._button.dataset.tone = TONES[state.state];
    this._button.dataset.state = state.state;
    this._text.textContent = textOf(state);
    this._button.title = titleOf(state);
  }

  private _openMenu(): void {
    const { left, bottom } = this._button.getBoundingClientRect();
    this._menu.open(left, bottom + 2);
    this._menu.activate();
  }

  private _addCommands(): void {
    const served = this._served;
    const has = () => !!served.state.version;
    const isServed = () => !['not served', 'starting'].includes(served.state.state) && !!served.state.url;
    const add = (
      label: string,
      isEnabled: () => boolean,
      execute: () => unknown
    ) => {
      this._commands.addCommand(label, { label, isEnabled, execute });
      this._menu.addItem({ command: label });
    };
    add('Serve', () => !isServed() && served.state.state !== 'starting', () => this._serve());
    add('Reload', isServed, () => served.order('reload'));
    add('Roll Back…', () => has() && (served.state.good ?? 0) > 1, () => this._rollBack());
    add('Stop…', isServed, () => this._stop());
    this._menu.addItem({ type: 'separator' });
    add('Open Page', has, () => this._openPage());
    add('Open Record', () => !!served.state.record, () => this._open.file(served.state.record!));
    add('Open Cockpit', () => true, () => this._openCockpit());
    this._menu.addItem({ type: 'separator' });
    add('Show the Failure', () => !!served.state.failure, () => this._showFailure());
    add('Open the Failed Record', () => !!served.state.failure?.record, () => this._open.file(served.state.failure!.record!));
  }

  private async _serve(): Promise<void> {
    const { context } = this._served.panel;
    if (context.model.dirty) {
      await context.save();
    }
    await this._served.order('serve');
  }

  private async _stop(): Promise<void> {
    const { button } = await showDialog({
      title: 'Stop the service?',
      body: `${this._served.panel.context.path} answers no more on ${this._served.state.url}.`,
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Stop' })]
    });
    if (button.accept) {
      await this._served.order('stop');
    }
  }

  private async _rollBack(): Promise<void> {
    const versions = await this._served.versions();
    const items = versions.map(lineOf);
    if (!items.length) {
      return;
    }
    const { button, value } = await InputDialog.getItem({
      title: 'Go back to which version?',
      okLabel: 'Roll Back',
      items
    });
    const chosen = versions[items.indexOf(value ?? '')];
    if (button.accept && chosen) {
      await this._served.order('rollback', chosen.sha256);
    }
  }

  private _openPage(): void {
    const url = new URL(this._served.state.url!);
    if (!['http:', 'https:'].includes(url.protocol)) {
      return;
    }
    if (['0.0.0.0', '[::]'].includes(url.hostname)) {
      url.hostname = location.hostname;
    }
    window.open(url, '_blank', 'noopener');
  }

  /** Open its tab at once: one that comes later would be taken for an advertisement. */
  private async _openCockpit(): Promise<void> {
    const tab = window.open('', '_blank');
    const url = await this._served.cockpit();
    if (tab && url) {
      tab.opener = null;
      tab.location.href = url;
    } else {
      tab?.close();
    }
  }

  private async _showFailure(): Promise<void> {
    const { failure } = this._served.state;
    if (failure?.cell) {
      this._open.failedCell();
      return;
    }
    await showDialog({
      title: 'The newest version failed',
      body: failure?.reason,
      buttons: [Dialog.okButton()]
    });
  }

  private readonly _button = document.createElement('button');
  private readonly _dot = document.createElement('span');
  private readonly _text = document.createElement('span');
  private readonly _commands = new CommandRegistry();
  private readonly _menu = new MenuSvg({ commands: this._commands });
}

function textOf({ state, url, version }: IState): string {
  const port = url && version ? ` · :${portOf(url)}` : '';
  switch (state) {
    case 'not served':
      return 'Not served';
    case 'serving':
      return `Serving ${shortened(version?.sha256)}${port}`;
    case 'swapping':
      return `Swapping…${port}`;
    case 'failed':
      return version ? `Failed${port} still serves` : 'Failed';
    case 'silent':
      return 'Does not answer';
    default:
      return `${state[0].toUpperCase()}${state.slice(1)}…`;
  }
}

function titleOf({ state, url, version, traffic, failure }: IState): string {
  const lines = [`runner: ${state}`];
  if (version) {
    lines.push(`${url} since ${timeOf(version.since)}: ${version.cause}`);
    lines.push(`version ${shortened(version.sha256)}, run ${version.run}`);
  }
  if (traffic) {
    lines.push(`${traffic.requests} requests, ${traffic.errors} errors`);
  }
  if (failure) {
    lines.push(failure.reason);
  }
  return lines.join('\n');
}

function lineOf({ sha256, since, cause, commit, author }: IVersion): string {
  const by = [commit?.slice(0, 7), author].filter(each => each).join(' by ');
  const said = [shortened(sha256), timeOf(since), cause, by];
  return said.filter(each => each).join(' · ');
}

function shortened(sha256?: string | null): string {
  return sha256?.slice(0, 7) ?? '';
}

function timeOf(since?: string | null): string {
  return since ? new Date(since).toLocaleString() : '';
}

function portOf(url: string): string {
  const { port, protocol } = new URL(url);
  return port || (protocol === 'https:' ? '443' : '80');
}
