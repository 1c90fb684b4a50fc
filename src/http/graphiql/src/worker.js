// Monaco asks for a worker by label; the page passes it on as the worker's name.
// Nothing is lost while the import settles: messages wait until this script has run.
switch (self.name) {
  case 'json':
    import('monaco-editor/esm/vs/language/json/json.worker.js');
    break;
  case 'graphql':
    import('monaco-graphql/esm/graphql.worker.js');
    break;
  default:
    import('monaco-editor/esm/vs/editor/editor.worker.js');
}
