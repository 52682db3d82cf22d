/**
 * Follow a record, the executed notebook that a run writes: it is shown as it is on the disk now,
 * and nobody types into what is written anew in a second.
 */

import { isCodeCellModel } from '@jupyterlab/cells';
import * as nbformat from '@jupyterlab/nbformat';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Contents } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { Widget } from '@lumino/widgets';

const EVERY = { interval: 1000, backoff: true, max: 30000 };

/** What a run says of itself in its record; null if the notebook is none. */
export function runOf(panel: NotebookPanel): { status?: string } | null {
  const said = panel.context.model?.getMetadata('runner');
  return typeof said?.status === 'string' ? said : null;
}

export class FollowedRecord implements IDisposable {
  /** What stands in the toolbar instead of a badge. */
  readonly label = new Widget({ node: document.createElement('span') });

  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _contents: Contents.IManager
  ) {
    this.label.addClass('jp-runner-Record');
    this._say();
    const { sessionContext } = this._panel.context;
    sessionContext.kernelPreference = {
      ...sessionContext.kernelPreference,
      shouldStart: false // it is read, not run
    };
    this._panel.context.model.readOnly = true;
    this._lock();
    this._panel.content.modelContentChanged.connect(this._lock, this);
    this._modified = this._panel.context.contentsModel?.last_modified;
    this._poll = new Poll({
      name: `notebook-runner:record:${_panel.id}`,
      factory: () => this._look(),
      frequency: EVERY,
      standby: () => document.hidden || !_panel.isVisible
    });
    _panel.disposed.connect(this.dispose, this);
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this._poll.dispose();
  }

  private _say(): void {
    const status = runOf(this._panel)?.status ?? '';
    const isLive = ['running', 'draining'].includes(status);
    this.label.node.dataset.state = status;
    this.label.node.textContent = `Record: ${isLive ? 'live' : status}`;
    this.label.node.title = 'Shown as it is on the disk now; it is read-only.';
  }

  private _lock(): void {
    for (const cell of this._panel.content.widgets) {
      cell.readOnly = true;
    }
  }

  private async _look(): Promise<void> {
    const { context } = this._panel;
    const found = await this._contents.get(context.path, { content: false });
    if (this.isDisposed || found.last_modified === this._modified) {
      return;
    }
    const read = await this._contents.get(context.path, { content: true, type: 'notebook' });
    if (this.isDisposed) {
      return;
    }
    this._modified = read.last_modified;
    if (!this._update(read.content)) {
      await context.revert();
    }
    context.model.dirty = false;
    this._say();
  }

  /**
   * Bring outputs up to date where they stand, so that nobody who reads is thrown elsewhere.
   *
   * @returns whether that was enough: the cells are the same.
   */
  private _update({ cells, metadata }: nbformat.INotebookContent): boolean {
    const { model } = this._panel.context;
    if (
      cells.length !== model.cells.length ||
      cells.some((cell, place) => cell.id !== model.cells.get(place).id)
    ) {
      return false;
    }
    cells.forEach((cell, place) => {
      const shown = model.cells.get(place);
      if (!isCodeCellModel(shown) || !nbformat.isCode(cell)) {
        return;
      }
      const text = JSON.stringify(cell.outputs);
      if (this._outputs.get(shown.id) !== text) {
        this._outputs.set(shown.id, text);
        shown.outputs.fromJSON(cell.outputs);
      }
      shown.executionCount = cell.execution_count;
    });
    model.setMetadata('runner', metadata.runner);
    return true;
  }

  private readonly _poll: Poll;
  private readonly _outputs = new Map<string, string>();
  private _modified?: string;
}
