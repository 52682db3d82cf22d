import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';

import { Panel } from '@lumino/widgets';

import { Badge } from './badge';
import { Mark } from './mark';
import { FollowedRecord, runOf } from './record';
import { Served } from './served';
import { Server } from './server';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'notebook-runner:plugin',
  description: 'Shows what becomes of a notebook that is served by runner.',
  autoStart: true,
  requires: [IToolbarWidgetRegistry],
  activate: (app: JupyterFrontEnd, toolbars: IToolbarWidgetRegistry) => {
    const { contents, serverSettings } = app.serviceManager;
    const server = new Server(serverSettings);
    const openFile = (path: string) =>
      void app.commands.execute('docmanager:open', { path });
    const badgeOf = (panel: NotebookPanel) => {
      const served = new Served(panel, server, contents);
      const mark = new Mark(served);
      const failedCell = () => void mark.reveal();
      return new Badge(served, { file: openFile, failedCell });
    };
    toolbars.addFactory<NotebookPanel>('Notebook', 'notebook-runner', panel => {
      const place = new Panel();
      void panel.context.ready.then(() => {
        if (panel.isDisposed) {
          return;
        }
        const isRecord = runOf(panel) !== null;
        place.addWidget(
          isRecord ? new FollowedRecord(panel, contents).label : badgeOf(panel)
        );
      });
      return place;
    });
  }
};

export default plugin;
