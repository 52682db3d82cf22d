/** Mark the cell by which the newest version failed, and show the error there. */

import { Cell } from '@jupyterlab/cells';

import { Served } from './served';
import { IFailure } from './server';

export class Mark {
  constructor(private readonly _served: Served) {
    _served.changed.connect(this._show, this);
    _served.panel.content.modelContentChanged.connect(this._keep, this);
  }

  /** Bring the marked cell into view, with the cursor in the line that failed. */
  async reveal(): Promise<void> {
    const { content } = this._served.panel;
    const line = this._served.state.failure?.cell?.line;
    if (!this._cell) {
      return;
    }
    content.activeCellIndex = content.widgets.indexOf(this._cell);
    await content.scrollToCell(this._cell);
    if (line && this._cell.editor) {
      const column = 0;
      this._cell.editor.setCursorPosition({ line: line - 1, column });
      this._cell.editor.focus();
    }
  }

  private _show(): void {
    const { failure } = this._served.state;
    if (this._cell && failure?.at === this._at && !this._cell.isDisposed) {
      return;
    }
    this._clear();
    this._cell = failure ? this._find(failure) : undefined;
    if (failure && this._cell) {
      this._at = failure.at;
      this._note = this._noteOf(failure);
      this._cell.addClass('jp-runner-Failed');
      this._cell.node.append(this._note);
    }
  }

  /** A notebook that was read anew has other cells. */
  private _keep(): void {
    if (this._cell?.isDisposed) {
      this._show();
    }
  }

  private _clear(): void {
    this._note?.remove();
    if (this._cell && !this._cell.isDisposed) {
      this._cell.removeClass('jp-runner-Failed');
    }
    this._cell = this._note = undefined;
  }

  private _find({ cell }: IFailure): Cell | undefined {
    const { widgets } = this._served.panel.content;
    if (!cell) {
      return undefined;
    }
    return (
      widgets.find(each => each.model.id === cell.cell_id) ??
      widgets[cell.cell - 1]
    );
  }

  private _noteOf({ cell, reason }: IFailure): HTMLElement {
    const { version } = this._served.state;
    const note = document.createElement('div');
    note.className = 'jp-runner-Failure';
    note.setAttribute('role', 'alert');
    const error = element('div', 'jp-runner-Failure-error');
    error.textContent = cell!.error ? `${cell!.error}: ${cell!.value}` : reason;
    note.append(error);
    if (cell!.line) {
      const line = element('button', 'jp-runner-Failure-line');
      line.textContent = `line ${cell!.line}`;
      line.addEventListener('click', () => void this.reveal());
      const text = document.createElement('code');
      text.textContent = ` ${cell!.text}`;
      note.append(line, text);
    }
    const rest = element('div', 'jp-runner-Failure-note');
    rest.textContent = version
      ? 'What was saved does not serve; the version before goes on.'
      : 'What was saved does not serve.';
    note.append(rest);
    return note;
  }

  private _cell?: Cell;
  private _note?: HTMLElement;
  private _at = '';
}

function element(name: string, className: string): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  return made;
}
