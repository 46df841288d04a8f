using System.Diagnostics;
using System.Globalization;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Models;
using AIaaS.Serving.Tests;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Benchmarks.Serving;

/// <summary>Predictions a second under the local host beside other servers, with and without batching, and the cold load of a model.</summary>
internal sealed class ThroughputBenchmark : IBenchmark
{
    private const double Aim = 25_000;
    private const double PeerAim = 2;
    private const int FewestWarmUps = 8;
    private const int MostWarmUps = 40;
    private const int FewCompilations = 5;
    private const int Rounds = 9;
    private const string PeerFolder = "tests/AIaaS.Benchmarks/peers/fastify-onnxruntime";

    public string Name => "throughput";

    public string Description => "Predictions of one row a second at 16 and 64 connections, against fastify with onnxruntime-node and Kestrel with objects";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        await ServingServer.ServeIfChildAsync(cancellationToken);
        var peer = Path.GetFullPath(PeerFolder);
        if (!Directory.Exists(Path.Combine(peer, "node_modules")))
            throw new PeerMissingException($"The peer is not installed. Run {PeerFolder}/install.sh, then this again, both in the root of the repository.");

        await MeasureColdLoadsAsync(cancellationToken);
        var file = Path.Combine(Path.GetTempPath(), $"ten-numbers-{Guid.NewGuid():N}.onnx");
        await File.WriteAllBytesAsync(file, ServingModels.Read(ServingModels.Small).File, cancellationToken);
        double ours, theirs;
        try
        {
            var sides = await MeasureSidesAsync(
                [16, 64],
                8000,
                ("ours", () => StartAsync(ServingServer.Ours, ServingModels.Small, BatchingMode.Auto)),
                ("bare Kestrel", () => StartAsync(ServingServer.Bare, ServingModels.Small, BatchingMode.Auto)),
                ("Kestrel + System.Text.Json objects", () => StartAsync(ServingServer.Objects, ServingModels.Small, BatchingMode.Auto)),
                ("fastify + onnxruntime-node", () => ServingServer.StartAsync(
                    new ProcessStartInfo("node") { ArgumentList = { Path.Combine(peer, "server.js"), file } }, cancellationToken)));
            (ours, theirs) = (sides[0], sides[3]);
        }
        finally
        {
            File.Delete(file);
        }

        foreach (var model in new[] { ServingModels.Small, ServingModels.Large })
        {
            await MeasureSidesAsync(
                [1, 4, 16, 64],
                2000,
                [.. Array.ConvertAll([BatchingMode.Off, BatchingMode.On, BatchingMode.Auto], mode =>
                    ($"{model} model, batching {mode}", (Func<Task<ServingServer>>)(() => StartAsync(ServingServer.Ours, model, mode))))]);
        }

        var ratio = ours / theirs;
        return new BenchmarkOutcome(
            string.Create(CultureInfo.InvariantCulture, $"{ours:N0} requests/s at 16 connections, {ratio:F1}× fastify + onnxruntime-node"),
            string.Create(CultureInfo.InvariantCulture, $"≥ {Aim:N0}/s, or ≥ {PeerAim}× a peer"),
            ours >= Aim || ratio >= PeerAim);

        Task<ServingServer> StartAsync(string side, string model, BatchingMode mode) => ServingServer.StartAsync(Name, side, model, mode, cancellationToken);

        // The sides take turns, since what else the machine does changes from one second to the next.
        async Task<double[]> MeasureSidesAsync(int[] connections, int requests, params (string Name, Func<Task<ServingServer>> Start)[] sides)
        {
            var request = LoadClient.Request(ServingServer.Path, ServingModels.Body(1), ServingServer.Headers);
            var servers = new List<ServingServer>();
            try
            {
                foreach (var (_, start) in sides)
                {
                    servers.Add(await start());
                    await WarmUpAsync(servers[^1], request, cancellationToken);
                }

                var atFirst = Array.Empty<double>();
                foreach (var count in connections)
                {
                    var rounds = servers.ConvertAll(_ => new List<Round>());
                    for (var round = 0; round < Rounds; round++)
                    {
                        for (var side = 0; side < servers.Count; side++)
                            rounds[side].Add(await MeasureRoundAsync(servers[side], request, count, Math.Max(64, requests / count), cancellationToken));
                    }

                    for (var side = 0; side < servers.Count; side++)
                        Print(sides[side].Name, count, rounds[side]);
                    if (atFirst is [])
                        atFirst = [.. rounds.Select(side => Typical(side).Load.PerSecond)];
                }

                return atFirst;
            }
            finally
            {
                foreach (var server in servers)
                    await server.DisposeAsync();
            }
        }
    }

    private static async Task<Round> MeasureRoundAsync(ServingServer server, byte[] request, int connections, int requestsEach, CancellationToken cancellationToken)
    {
        var before = await server.ReadUsageAsync(cancellationToken);
        var load = await LoadClient.SendAsync(server.Port, request, connections, requestsEach);
        var after = await server.ReadUsageAsync(cancellationToken);
        return new Round(load, before, after);
    }

    /// <summary>Other work on the machine only ever takes away, so the faster rounds tell most.</summary>
    private static Round Typical(List<Round> rounds) => rounds.OrderByDescending(round => round.Load.PerSecond).ElementAt(rounds.Count / 4);

    private static void Print(string side, int connections, List<Round> rounds)
    {
        var (load, before, after) = Typical(rounds);
        var runs = rounds.Sum(round => round.After.Runs - round.Before.Runs);
        var rowsARun = runs == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {rounds.Sum(round => round.After.Rows - round.Before.Rows) / (double)runs:F1} rows a run");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{side}, {connections} connections: {load.PerSecond:N0}/s, p50 {load.Median:F2} ms, p99 {load.Percentile99:F2} ms{rowsARun}, server {(after.Cpu - before.Cpu).TotalMicroseconds / load.Requests:F0} µs CPU and {(after.Allocated - before.Allocated) / load.Requests:N0} bytes a request, {after.Memory >> 20} MiB; client {load.ClientMicroseconds:F0} µs CPU a request"));
    }

    /// <summary>Until the server's runtime has done compiling, which must not be what is measured.</summary>
    private static async Task WarmUpAsync(ServingServer server, byte[] request, CancellationToken cancellationToken)
    {
        for (var round = 0; round < MostWarmUps; round++)
        {
            var before = await server.ReadUsageAsync(cancellationToken);
            await LoadClient.SendAsync(server.Port, request, 16, 250);
            var after = await server.ReadUsageAsync(cancellationToken);
            if (round >= FewestWarmUps && after.Compiled - before.Compiled <= FewCompilations)
                return;
        }
    }

    private static async Task MeasureColdLoadsAsync(CancellationToken cancellationToken)
    {
        foreach (var name in new[] { ServingModels.Small, ServingModels.Large })
        {
            var folder = Directory.CreateTempSubdirectory("model-cache-").FullName;
            try
            {
                var (signature, file) = ServingModels.Read(name);
                var source = new FileModelSource();
                var reference = source.Add(new TestModel(name, signature), file: file);
                foreach (var start in new[] { "first", "first", "second" })
                {
                    if (start == "first")
                        Directory.Delete(folder, recursive: true);
                    var cache = new ModelDiskCache(new() { Folder = folder }, TimeProvider.System, NullLogger<ModelDiskCache>.Instance);
                    await using var server = new ModelServer(source, new(), TimeProvider.System, cache);
                    var began = Stopwatch.GetTimestamp();
                    (await server.AcquireAsync(reference, cancellationToken)).Dispose();
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"{name} model of {file.Length >> 10} KiB, {start} load: {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F1} ms"));
                }
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private sealed record Round(Load Load, Usage Before, Usage After);
}
