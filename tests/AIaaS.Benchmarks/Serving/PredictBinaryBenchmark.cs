using System.Globalization;
using System.Text;
using AIaaS.Serving.Batching;

namespace AIaaS.Benchmarks.Serving;

/// <summary>What 1000 rows of ten numbers cost the server as binary tensors, against the same rows as JSON objects.</summary>
internal sealed class PredictBinaryBenchmark : IBenchmark
{
    private const int Rows = 1000;
    private const double Aim = 0.1;

    public string Name => "predict-binary";

    public string Description => "1000 rows as binary tensors by the Open Inference Protocol: CPU against objects by System.Text.Json";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        await ServingServer.ServeIfChildAsync(cancellationToken);
        await using var ours = await StartAsync(ServingServer.Ours);
        await using var objects = await StartAsync(ServingServer.Objects);
        var (label, probabilities) = (Binary("label"), Binary("probabilities"));
        (string What, ServingServer Server, byte[] Request, List<Cost> Costs)[] sides =
        [
            ("Kestrel + System.Text.Json objects", objects, LoadClient.Request(ServingServer.Path, ServingModels.Body(Rows), ServingServer.Headers), []),
            ("ours, binary both ways", ours, Tensors($"{label},{probabilities}"), []),
            ("ours, binary, probabilities alone", ours, Tensors(probabilities), []),
            ("ours, binary in and JSON out", ours, Tensors("{\"name\":\"label\"},{\"name\":\"probabilities\"}"), []),
        ];
        for (var round = -10; round < 15; round++)
        {
            foreach (var (_, server, request, costs) in sides)
            {
                var before = await server.ReadUsageAsync(cancellationToken);
                var load = await LoadClient.SendAsync(server.Port, request, connections: 2, requestsEach: 50);
                var after = await server.ReadUsageAsync(cancellationToken);
                if (round >= 0)
                    costs.Add(new Cost((after.Cpu - before.Cpu).TotalMicroseconds / load.Requests, (after.Allocated - before.Allocated) / (double)load.Requests));
            }
        }

        var typical = sides.Select(side => Typical(side.Costs)).ToArray();
        for (var i = 0; i < sides.Length; i++)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{sides[i].What}: {typical[i].Microseconds:F1} µs CPU a request, {typical[i].Bytes:F0} bytes allocated"));
        var ratio = typical[1].Microseconds / typical[0].Microseconds;
        return new BenchmarkOutcome(
            string.Create(CultureInfo.InvariantCulture, $"{ratio:F3}× the CPU of objects"), string.Create(CultureInfo.InvariantCulture, $"≤ {Aim}×"), ratio <= Aim);

        Task<ServingServer> StartAsync(string side) => ServingServer.StartAsync(Name, side, ServingModels.Small, BatchingMode.Auto, cancellationToken);
    }

    private static string Binary(string output) => $"{{\"name\":\"{output}\",\"parameters\":{{\"binary_data\":true}}}}";

    private static byte[] Tensors(string outputs)
    {
        var random = new Random(1);
        var inputs = Enumerable.Range(0, 10).Select(i => $"{{\"name\":\"x{i}\",\"shape\":[{Rows},1],\"datatype\":\"FP32\",\"parameters\":{{\"binary_data_size\":{4 * Rows}}}}}");
        var json = Encoding.UTF8.GetBytes($"{{\"inputs\":[{string.Join(',', inputs)}],\"outputs\":[{outputs}]}}");
        byte[] body = [.. json, .. Enumerable.Range(0, 10 * Rows).SelectMany(_ => BitConverter.GetBytes((float)(random.NextDouble() * 100)))];
        return LoadClient.Request(ServingServer.InferencePath, body, $"{ServingServer.Headers}Inference-Header-Content-Length: {json.Length}\r\n");
    }

    /// <summary>Other work on the machine only ever adds to a round's cost, so the cheaper rounds tell most.</summary>
    private static Cost Typical(List<Cost> costs) => costs.OrderBy(cost => cost.Microseconds).ElementAt(costs.Count / 4);

    private sealed record Cost(double Microseconds, double Bytes);
}
