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

export interface IServing {
  run: string;
  sha256: string | null;
  since: string | null;
  cause: string;
}

export interface ITraffic {
  requests: number;
  errors: number;
  /** Seconds. */
  p50: number | null;
  p99: number | null;
}

/** A version that can be gone back to. */
export interface IVersion {
  sha256: string;
  since: string;
  cause: string;
  commit: string | null;
  author: string | null;
}

export interface IState {
  state: Name;
  url?: string;
  version?: IServing | null;
  traffic?: ITraffic | null;
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
    return this._get('service', path);
  }

  versions(path: string): Promise<IVersion[]> {
    return this._get('versions', path);
  }

  order(path: string, what: Order, version = ''): Promise<IOutcome> {
    return this._post('service', { path, do: what, version });
  }

  /** Give the address of the cockpit, which is started if need be. */
  cockpit(path: string): Promise<string> {
    return this._post('cockpit', { path });
  }

  private _get<T>(route: string, path: string): Promise<T> {
    return this._ask(route + URLExt.objectToQueryString({ path }), {});
  }

  private _post<T>(route: string, body: Record<string, string>): Promise<T> {
    return this._ask(route, { method: 'POST', body: JSON.stringify(body) });
  }

  private async _ask<T>(route: string, init: RequestInit): Promise<T> {
    const url = URLExt.join(this._settings.baseUrl, 'notebook-runner', route);
    const answer = await ServerConnection.makeRequest(
      url,
      init,
      this._settings
    );
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.message || `${answer.status} ${answer.statusText}`);
    }
    return answer.json();
  }
}
