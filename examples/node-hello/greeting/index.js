exports.greeting = (env) => `${env.GREETING ?? 'Hello from Node'} (${process.version})\n`;
