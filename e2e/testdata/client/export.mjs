// Exports by the bulk export of a public FHIR client, and prints what it got:
// node export.mjs <address> <level> <types>.
globalThis.WebSocket ??= class {}; // older Node has none, and the client wants one to be there
const { MedplumClient } = await import('@medplum/core');

const [address, level, types] = process.argv.slice(2);
const client = new MedplumClient({ baseUrl: address + '/', fhirUrlPath: 'fhir', fetch });
client.setBasicAuth('a', 'swordfish');
const manifest = await client.bulkExport(level, types, undefined, { pollStatusOnAccepted: true, pollStatusPeriod: 100 });
for (const file of manifest.output) {
  process.stdout.write(await (await fetch(file.url)).text());
}
