// A small HTTP server: says hello, and stops when it is told to.
const { createServer } = require('node:http');
const { greeting } = require('greeting');

const server = createServer((_, response) => response.end(greeting(process.env)));
server.listen(8080, () => console.log('listening on :8080'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
