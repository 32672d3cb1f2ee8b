// Runs the HTTP API of FHIR Works on AWS, a public FHIR server, over the files of a
// folder: node server.mjs <folder>. It prints its base URL when it is ready.
//
// The API, with its way of Bulk Data, is theirs. What Amazon's services do for it is here:
// jobs (Glue) are in memory, files are served by links that are signed and go to another
// host (S3), access tokens (Cognito) are checked against $TOKEN.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { generateServerlessRouter } = require('fhir-works-on-aws-routing/lib/app');
const { stubs, UnauthorizedError, ResourceNotFoundError } = require('fhir-works-on-aws-interface');

const folder = process.argv[2];
const listen = (server) => new Promise((done) => {
  server.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${server.address().port}`));
});

const storageURL = await listen(createServer(async (request, response) => {
  const url = new URL(request.url, 'http://storage');
  if (request.headers.authorization || !url.searchParams.has('X-Amz-Signature')) {
    response.writeHead(400, { 'Content-Type': 'application/xml' });
    response.end('<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>');
    return;
  }
  response.setHeader('Content-Type', 'binary/octet-stream');
  response.end(await readFile(join(folder, url.pathname)));
}));

const jobs = new Map();
const bulkDataAccess = {
  async initiateExport(request) {
    const id = `job-${jobs.size + 1}`;
    jobs.set(id, { request, polls: 0 });
    return id;
  },
  async getExportStatus(id) {
    const job = jobs.get(id);
    if (!job) throw new ResourceNotFoundError('$export', id);
    const { request } = job;
    const answer = { jobOwnerId: request.requesterUserId, jobStatus: 'in-progress' };
    if (job.polls++ === 0) return answer;
    const types = request.type?.split(',');
    const names = readdirSync(folder).sort().filter((name) => !types || types.includes(name.split('-')[0]));
    return {
      ...answer, jobStatus: 'completed', requiresAccessToken: false, transactionTime: request.transactionTime,
      exportType: request.exportType, outputFormat: request.outputFormat, since: request.since, type: request.type, groupId: request.groupId,
      exportedFileUrls: names.map((name) => ({ type: name.split('-')[0], url: `${storageURL}/${name}?X-Amz-Signature=${id}` })),
      errorArray: [],
    };
  },
  async cancelExport(id) { jobs.delete(id); },
};

const authorization = {
  ...stubs.passThroughAuthz,
  async verifyAccessToken({ accessToken }) {
    if (accessToken !== process.env.TOKEN) throw new UnauthorizedError('access token is missing or wrong');
    return { sub: 'client' };
  },
};

let app;
const apiURL = await listen(createServer((request, response) => app(request, response)));
app = generateServerlessRouter({
  configVersion: 1.0,
  productInfo: { orgName: 'test' },
  auth: { strategy: {}, authorization },
  server: { url: apiURL },
  validators: [],
  profile: {
    fhirVersion: '4.0.1', systemOperations: [], systemSearch: stubs.search, systemHistory: stubs.history,
    bundle: stubs.bundle, bulkDataAccess,
  },
}, []);
process.stdout.write(`${apiURL}\n`);
