import { loadEnv } from '@app/config';
import { ForecasterCatalogue } from '@app/forecasters';
import { checkGpu } from '@app/inference';
import { messageOf, silentLogger } from '@app/observability';
import { Command } from 'commander';

const say = (line: string) => process.stdout.write(`${line}\n`);

/** Says what CUDA lacks here, and then tries it with the shipped packages. */
async function gpuCheck(): Promise<void> {
  const steps = checkGpu();
  for (const { what, found, remedy } of steps)
    say(found === undefined ? `MISSING  ${what}\n         ${remedy}` : `ok       ${what}: ${found}`);
  const missing = steps.filter(({ found }) => found === undefined);

  const env = { ...loadEnv(process.env), PROVIDER: 'cuda' as const, PROVIDER_STRICT: false, INFERENCE_WORKERS: 1 };
  const catalogue = await ForecasterCatalogue.load({ env, logger: silentLogger() });
  try {
    const packages = catalogue.describe().filter(({ kind }) => kind === 'neural');
    for (const { name, state, provider, providerFallback, reason } of packages) {
      say(
        `${provider === 'cuda' ? 'proven  ' : 'on cpu  '} ${name}: ${state === 'refused' ? reason : (providerFallback ?? 'golden numbers reproduced on CUDA')}`,
      );
    }
    const proven = packages.filter(({ provider }) => provider === 'cuda').length;
    say(JSON.stringify({ missing: missing.map(({ what }) => what), proven, packages: packages.length }));
    process.exitCode = proven === packages.length && proven > 0 ? 0 : 1;
  } finally {
    await catalogue.close();
  }
}

const program = new Command('gpu:check')
  .description(
    'Says what CUDA lacks on this machine, and proves each model package on it. Exit code 0 when all run there.',
  )
  .action(gpuCheck);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`gpu:check: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
