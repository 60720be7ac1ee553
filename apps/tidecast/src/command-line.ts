import { Argument, Command } from 'commander';
import { describeEnv } from '@app/config';
import { ROLES, type Role } from './roles.js';

/** What a start was asked for. */
export interface StartCommand {
  /** Absent: all roles in one process. */
  readonly role?: Role;
  readonly demo: boolean;
}

/** Parses the arguments. Prints help or names what is wrong, and ends the process, where that is asked for. */
export function parseCommandLine(args: readonly string[], version: string): StartCommand {
  const command = new Command('npm start --')
    .description('Forecasts with honest intervals for the streams in your Kafka cluster, kept in Postgres.')
    .addArgument(new Argument('[role]', 'run one role only (default: all of them in this process)').choices(ROLES))
    .option('--demo', 'replay two real data sets, accelerated, and forecast them', false)
    .version(version)
    .helpOption('--help', 'show this help')
    .addHelpText('after', `\n${configurationHelp()}`)
    .showHelpAfterError('(npm start -- --help shows what there is)');
  command.parse(args, { from: 'user' });
  const role = command.args[0] as Role | undefined;
  const { demo } = command.opts<{ demo: boolean }>();
  if (role && demo) command.error(`error: option '--demo' needs all roles in one process, not ${role} alone`);
  return { demo, ...(role ? { role } : {}) };
}

function configurationHelp(): string {
  const keys = describeEnv();
  const width = Math.max(...keys.map(({ key }) => key.length));
  const lines = keys.map(({ key, fallback, sentence }) => `  ${key.padEnd(width)}  ${sentence} [${fallback}]`);
  return ['Configuration (environment variables, defaults in brackets):', ...lines].join('\n');
}
