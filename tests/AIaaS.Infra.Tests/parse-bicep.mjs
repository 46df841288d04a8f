// Prints the syntax trees of Bicep files as JSON: node parse-bicep.mjs FILE…
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Language, Parser } from 'web-tree-sitter';

const require = createRequire(import.meta.url);
await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load(require.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm')));

const simplify = (node, field) => {
  const children = [];
  for (let index = 0; index < node.childCount; index++) {
    children.push(simplify(node.child(index), node.fieldNameForChild(index)));
  }

  return {
    type: node.type,
    named: node.isNamed,
    field,
    line: node.startPosition.row + 1,
    broken: node.isError || node.isMissing,
    text: node.text,
    children,
  };
};

const files = process.argv.slice(2).map(path => ({ path, root: simplify(parser.parse(readFileSync(path, 'utf8')).rootNode, null) }));
process.stdout.write(JSON.stringify(files));
