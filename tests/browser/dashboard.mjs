// Starts the dashboard as a user would and hands over its address and first password.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

// A port that nobody listens on now.
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

export async function start(program, args, port = 0) {
  const child = spawn(program, ['dashboard', ...args, '--listen', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let told = '';
  child.stdout.on('data', (text) => { said += text; });
  child.stderr.on('data', (text) => { told += text; });
  for (let waited = 0; waited < 600 && !/open (\S+)/.test(said); waited += 1) {
    if (child.exitCode !== null) throw new Error(`the dashboard ended: ${told}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url: said.match(/open (\S+?)\/?\s/)[1],
    password: (told.match(/printed this once: (\S+)/) ?? [])[1],
    pid: child.pid,
    stopped: false,
    stop() { this.stopped = true; child.kill(); },
  };
}
