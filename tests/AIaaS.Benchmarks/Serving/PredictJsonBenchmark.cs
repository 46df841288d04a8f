using System.Diagnostics;
using System.Globalization;
using AIaaS.Serving.Batching;

namespace AIaaS.Benchmarks.Serving;

/// <summary>What a prediction by JSON costs the server beyond the model's run.</summary>
internal sealed class PredictJsonBenchmark : IBenchmark
{
    private const double OneRowAim = 2;
    private const double ManyRowsAim = 0.5;
    private const int MostWarmUps = 60;
    private const int FewCompilations = 10;

    public string Name => "predict-json";

    public string Description => "A prediction by JSON: CPU of one row against bare Kestrel, of 1000 rows against objects by System.Text.Json";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        await ServingServer.ServeIfChildAsync(cancellationToken);
        await using var ours = await StartAsync(ServingServer.Ours);
        await using var bare = await StartAsync(ServingServer.Bare);
        await using var bareRun = await StartAsync(ServingServer.BareRun);
        await using var objects = await StartAsync(ServingServer.Objects);

        var one = LoadClient.Request(ServingServer.Path, ServingModels.Body(1), ServingServer.Headers);
        var many = LoadClient.Request(ServingServer.Path, ServingModels.Body(1000), ServingServer.Headers);
        var oneRow = await MeasureAsync([ours, bare, objects, bareRun], one, connections: 4, requestsEach: 500, warmUps: 12, rounds: 15);
        var (oneOurs, oneBare, oneObjects, oneBareRun) = (oneRow[0], oneRow[1], oneRow[2], oneRow[3]);
        // What a run costs a server is more than in a loop of its own: between two runs other code takes its place in the caches.
        var run = Math.Max(0, oneBareRun.Microseconds - oneBare.Microseconds);
        var manyRows = await MeasureAsync([ours, bare, objects], many, connections: 2, requestsEach: 30, warmUps: 8, rounds: 9);
        var (manyOurs, manyBare, manyObjects) = (manyRows[0], manyRows[1], manyRows[2]);

        Print("one row", "bare Kestrel", oneBare);
        Print("one row", "bare Kestrel + a run of ONNX Runtime", oneBareRun);
        Print("one row", "Kestrel + System.Text.Json objects", oneObjects);
        Print("one row", "ours", oneOurs);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"one row, the run of ONNX Runtime: {run:F1} µs CPU in a server, {MeasureRun():F1} µs in a loop"));
        Print("1000 rows", "bare Kestrel", manyBare);
        Print("1000 rows", "Kestrel + System.Text.Json objects", manyObjects);
        Print("1000 rows", "ours", manyOurs);
        var oneRatio = (oneOurs.Microseconds - run) / oneBare.Microseconds;
        var manyRatio = manyOurs.Microseconds / manyObjects.Microseconds;
        return new BenchmarkOutcome(
            string.Create(CultureInfo.InvariantCulture, $"{oneRatio:F2}× bare Kestrel for one row, {manyRatio:F2}× objects for 1000"),
            string.Create(CultureInfo.InvariantCulture, $"≤ {OneRowAim}×, ≤ {ManyRowsAim}×"),
            oneRatio <= OneRowAim && manyRatio <= ManyRowsAim);

        Task<ServingServer> StartAsync(string side) => ServingServer.StartAsync(Name, side, ServingModels.Small, BatchingMode.Auto, cancellationToken);

        async Task<Cost[]> MeasureAsync(ServingServer[] servers, byte[] request, int connections, int requestsEach, int warmUps, int rounds)
        {
            var costs = Array.ConvertAll(servers, server => (Server: server, Costs: new List<Cost>()));
            var compiling = MostWarmUps;
            for (var round = -warmUps; round < rounds; round++)
            {
                // On a busy machine the runtime gets to optimizing late, and it must not be what is measured.
                if (round == 0 && compiling > 0)
                    round = -1;
                var compiled = 0L;
                foreach (var (server, list) in costs)
                {
                    var before = await server.ReadUsageAsync(cancellationToken);
                    var load = await LoadClient.SendAsync(server.Port, request, connections, requestsEach);
                    var after = await server.ReadUsageAsync(cancellationToken);
                    compiled += after.Compiled - before.Compiled;
                    if (round >= 0)
                        list.Add(new Cost((after.Cpu - before.Cpu).TotalMicroseconds / load.Requests, (after.Allocated - before.Allocated) / (double)load.Requests));
                }

                if (round < 0)
                    compiling = compiled <= FewCompilations ? 0 : Math.Max(0, compiling - 1);
            }

            return Array.ConvertAll(costs, side => Typical(side.Costs));
        }
    }

    /// <summary>Other work on the machine only ever adds to a round's cost, so the cheaper rounds tell most.</summary>
    private static Cost Typical(List<Cost> costs) => costs.OrderBy(cost => cost.Microseconds).ElementAt(costs.Count / 4);

    private static void Print(string what, string side, Cost cost) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}, {side}: {cost.Microseconds:F1} µs CPU a request, {cost.Bytes:F0} bytes allocated"));

    /// <summary>Microseconds of CPU of a run of one row after another.</summary>
    private static double MeasureRun()
    {
        const int Runs = 5_000;
        using var session = RawRun.CreateSession(ServingModels.Small);
        using var run = new RawRun(session);
        var rounds = new List<double>();
        for (var round = 0; round < 15; round++)
        {
            var cpu = Environment.CpuUsage.TotalTime;
            for (var i = 0; i < Runs; i++)
                run.Run();
            rounds.Add((Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / Runs);
        }

        return rounds.Order().ElementAt(rounds.Count / 4);
    }

    private sealed record Cost(double Microseconds, double Bytes);
}
