/** Ask our part of Jupyter's server; the words of its answers are those of `runner/lab/`. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

export type Name =
  | 'not served'
  | 'starting'
  | 'serving'
  | 'swapping'
  | 'failed'
  | 'stopping'
  | 'silent';

/** A place in the notebook as its author counts: all cells, from 1 on. */
export interface IFailedCell {
  cell: number;
  cell_id: string;
  line: number;
  text: string;
  error: string;
  value: string;
}

export interface IFailure {
  reason: string;
  /** When it was; it tells one failure from another. */
  at: string;
  record?: string | null;
  cell?: IFailedCell | null;
}

export interface IState {
  state: Name;
  url?: string;
  version?: { run: string; since: string | null; cause: string } | null;
  failure?: IFailure | null;
  record?: string | null;
  good?: number;
}

export type Order = 'serve' | 'reload' | 'rollback' | 'stop';

export interface IOutcome {
  ok: boolean;
  reason: string;
}

export class Server {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  state(path: string): Promise<IState> {
    return this._ask('GET', URLExt.objectToQueryString({ path }));
  }

  order(path: string, what: Order): Promise<IOutcome> {
    return this._ask('POST', '', JSON.stringify({ path, do: what }));
  }

  private async _ask<T>(
    method: string,
    query: string,
    body?: string
  ): Promise<T> {
    const { baseUrl } = this._settings;
    const url = URLExt.join(baseUrl, 'notebook-runner', 'service') + query;
    const answer = await ServerConnection.makeRequest(
      url,
      { method, body },
      this._settings
    );
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.message || `${answer.status} ${answer.statusText}`);
    }
    return answer.json();
  }
}
