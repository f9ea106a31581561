/**
 * How does Overture become a library? `dist/lib/index.js` is one ES module with all that it needs, so that a page can
 * import it as it is; `dist/lib/index.d.ts` is one file with the public types alone, so that whoever imports it needs
 * none of the types that it was built with.
 */
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { createLogger, defineConfig, type Logger, type Plugin } from 'vite'

const ENTRY = 'src/index.ts'

export default defineConfig({
  publicDir: false,
  customLogger: calmLogger(),
  build: {
    outDir: 'dist/lib',
    target: 'es2022',
    sourcemap: true,
    lib: { entry: ENTRY, formats: ['es'], fileName: 'index' },
    rolldownOptions: { output: { minify: true }, checks: { pluginTimings: false } },
  },
  plugins: [declarations()],
})

/** Leaves out that `@xmpp/client` would use Node's DNS where there is one: in a page it does without. */
function calmLogger(): Logger {
  const logger = createLogger()
  const { warn } = logger
  logger.warn = (message, options) => {
    if (!message.includes('node:dns')) warn(message, options)
  }
  return logger
}

/** The one file of types. Fails when a public type is made from another package's. */
function declarations(): Plugin {
  return {
    name: 'overture:declarations',
    apply: 'build',
    async generateBundle() {
      const bundle = await rollup({
        input: ENTRY,
        plugins: [dts()],
        onwarn: (warning, warn) => warning.code === 'UNUSED_EXTERNAL_IMPORT' || warn(warning),
      })
      const { output } = await bundle.generate({ format: 'es' })
      await bundle.close()
      const [{ code, imports }] = output
      if (imports.length > 0) this.error(`A public type of ${ENTRY} is made from types of ${imports.join(', ')}.`)
      this.emitFile({ type: 'asset', fileName: 'index.d.ts', source: code })
    },
  }
}
