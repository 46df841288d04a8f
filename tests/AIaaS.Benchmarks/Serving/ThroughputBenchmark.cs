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
        var ours = await MeasureSideAsync("ours", () => StartAsync(ServingServer.Ours, ServingModels.Small, BatchingMode.Auto), ServingServer.Path, cancellationToken);
        await MeasureSideAsync("bare Kestrel", () => StartAsync(ServingServer.Bare, ServingModels.Small, BatchingMode.Auto), ServingServer.Path, cancellationToken);
        await MeasureSideAsync("Kestrel + System.Text.Json objects", () => StartAsync(ServingServer.Objects, ServingModels.Small, BatchingMode.Auto), ServingServer.Path, cancellationToken);
        var theirs = await MeasurePeerAsync(peer, cancellationToken);

        foreach (var model in new[] { ServingModels.Small, ServingModels.Large })
        {
            foreach (var mode in new[] { BatchingMode.Off, BatchingMode.On, BatchingMode.Auto })
                await MeasureBatchingAsync(model, mode, cancellationToken);
        }

        var ratio = ours / theirs;
        return new BenchmarkOutcome(
            string.Create(CultureInfo.InvariantCulture, $"{ours:N0} requests/s at 16 connections, {ratio:F1}× fastify + onnxruntime-node"),
            string.Create(CultureInfo.InvariantCulture, $"≥ {Aim:N0}/s, or ≥ {PeerAim}× a peer"),
            ours >= Aim || ratio >= PeerAim);

        Task<ServingServer> StartAsync(string side, string model, BatchingMode mode) => ServingServer.StartAsync(Name, side, model, mode, cancellationToken);

        async Task MeasureBatchingAsync(string model, BatchingMode mode, CancellationToken cancellationToken)
        {
            await using var server = await StartAsync(ServingServer.Ours, model, mode);
            var request = LoadClient.Request(ServingServer.Path, ServingModels.Body(1), ServingServer.Headers);
            await WarmUpAsync(server, request, cancellationToken);
            foreach (var connections in new[] { 1, 4, 16, 64 })
            {
                var before = await server.ReadUsageAsync(cancellationToken);
                var load = await LoadClient.SendAsync(server.Port, request, connections, Math.Max(64, 4000 / connections));
                var after = await server.ReadUsageAsync(cancellationToken);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{model} model, batching {mode}, {connections} connections: {load.PerSecond:N0}/s, p50 {load.Median:F2} ms, p99 {load.Percentile99:F2} ms, {(after.Rows - before.Rows) / (double)(after.Runs - before.Runs):F1} rows a run, server {(after.Cpu - before.Cpu).TotalMicroseconds / load.Requests:F0} µs CPU a request"));
            }
        }
    }

    private static async Task<double> MeasurePeerAsync(string peer, CancellationToken cancellationToken)
    {
        var file = Path.Combine(Path.GetTempPath(), $"ten-numbers-{Guid.NewGuid():N}.onnx");
        await File.WriteAllBytesAsync(file, ServingModels.Read(ServingModels.Small).File, cancellationToken);
        try
        {
            return await MeasureSideAsync(
                "fastify + onnxruntime-node",
                () => ServingServer.StartAsync(new ProcessStartInfo("node") { ArgumentList = { Path.Combine(peer, "server.js"), file } }, cancellationToken),
                "/predict",
                cancellationToken);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <returns>Requests a second at 16 connections.</returns>
    private static async Task<double> MeasureSideAsync(string side, Func<Task<ServingServer>> start, string path, CancellationToken cancellationToken)
    {
        await using var server = await start();
        var request = LoadClient.Request(path, ServingModels.Body(1), ServingServer.Headers);
        await WarmUpAsync(server, request, cancellationToken);
        double atSixteen = 0;
        foreach (var connections in new[] { 16, 64 })
        {
            var before = await server.ReadUsageAsync(cancellationToken);
            var rounds = new List<Load>();
            for (var round = 0; round < 5; round++)
                rounds.Add(await LoadClient.SendAsync(server.Port, request, connections, 8000 / connections));
            var after = await server.ReadUsageAsync(cancellationToken);
            var best = rounds.MaxBy(load => load.PerSecond)!;
            var requests = rounds.Sum(load => load.Requests);
            if (connections == 16)
                atSixteen = best.PerSecond;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{side}, {connections} connections: {best.PerSecond:N0}/s, p50 {best.Median:F2} ms, p99 {best.Percentile99:F2} ms, server {(after.Cpu - before.Cpu).TotalMicroseconds / requests:F0} µs CPU and {(after.Allocated - before.Allocated) / requests:N0} bytes a request, {after.Memory >> 20} MiB; client {best.ClientMicroseconds:F0} µs CPU a request"));
        }

        return atSixteen;
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
}
