// What a site's builder does, in small: pages become HTML in dist/.
const { mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');

mkdirSync('dist', { recursive: true });
for (const page of readdirSync('pages').sort()) {
  const [title, ...text] = readFileSync(`pages/${page}`, 'utf8').trim().split('\n');
  const html = `<!doctype html>\n<title>${title}</title>\n<h1>${title}</h1>\n<p>${text.join('\n')}</p>\n`;
  writeFileSync(`dist/${page.replace('.txt', '.html')}`, html);
}
