// Serves one model of float features as AIaaS does: {"rows":[{"x0":1,…}]}. Tells its port, then its usage for each line it reads.
import { createInterface } from 'node:readline';
import Fastify from 'fastify';
import ort from 'onnxruntime-node';

const session = await ort.InferenceSession.create(process.argv[2], {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  enableMemPattern: false,
});
const app = Fastify({ bodyLimit: 16 << 20 });
app.post('/api/v1/endpoints/e/predictions', async (request) => {
  const { rows } = request.body;
  const feeds = {};
  for (const name of session.inputNames) {
    const values = new Float32Array(rows.length);
    for (let i = 0; i < rows.length; i++) values[i] = rows[i][name];
    feeds[name] = new ort.Tensor('float32', values, [rows.length, 1]);
  }
  const { label, probabilities } = await session.run(feeds);
  return {
    requestId: request.id,
    model: { name: 'ten', version: 1 },
    predictions: rows.map((_, i) => ({
      label: label.data[i],
      probabilities: { no: probabilities.data[2 * i], yes: probabilities.data[2 * i + 1] },
    })),
  };
});
await app.listen({ host: '127.0.0.1', port: 0 });
console.log(app.server.address().port);
createInterface({ input: process.stdin })
  .on('line', () => {
    const { user, system } = process.cpuUsage();
    console.log(`${(user + system) * 10} 0 ${process.memoryUsage().rss} 0 0 0`);
  })
  .on('close', () => process.exit(0));
