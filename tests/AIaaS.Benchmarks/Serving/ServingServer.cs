using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Functions;
using AIaaS.Functions.Predictions;
using AIaaS.LocalHost.Hosting;
using AIaaS.Platform;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Models;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using AIaaS.Serving.Batching;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Benchmarks.Serving;

/// <param name="Cpu">CPU time so far.</param>
/// <param name="Allocated">Bytes allocated so far.</param>
/// <param name="Memory">Working set in bytes.</param>
/// <param name="Runs">Runs of the model so far.</param>
/// <param name="Rows">Rows in them.</param>
internal sealed record Usage(TimeSpan Cpu, long Allocated, long Memory, long Runs, long Rows, long Compiled);

/// <summary>One side of a serving benchmark in a process of its own.</summary>
internal sealed class ServingServer(Process process, int port) : IAsyncDisposable
{
    public const string Ours = "ours";

    /// <summary>Kestrel that reads the body and answers with a constant.</summary>
    public const string Bare = "bare";

    /// <summary>The same, which also runs the model on constant inputs.</summary>
    public const string BareRun = "bare-run";

    /// <summary>Kestrel with System.Text.Json to and from objects, around the same ONNX Runtime.</summary>
    public const string Objects = "objects";

    public const string Key = "benchmark-key";
    private const string SideVariable = "AIAAS_BENCHMARK_SERVING";
    private const string Tenant = Caller.DefaultTenant;

    public static string Path => "/api/v1/endpoints/e/predictions";

    /// <summary>The same endpoint by the Open Inference Protocol.</summary>
    public static string InferencePath => "/v2/models/e/infer";

    public static string Headers => $"x-api-key: {Key}\r\n";

    public int Port { get; } = port;

    /// <summary>In a child process: serves until its input ends, and does not return.</summary>
    public static async Task ServeIfChildAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(SideVariable)?.Split(' ') is not [var side, var model, var mode])
            return;
        var home = Directory.CreateTempSubdirectory("serving-benchmark-").FullName;
        try
        {
            var (app, statistics) = side switch
            {
                Ours => await BuildOursAsync(home, model, Enum.Parse<BatchingMode>(mode), cancellationToken),
                Objects => (BuildObjects(model), () => default),
                BareRun => (BuildBareRun(model), () => default),
                _ => (BuildBare(() => { }), () => default),
            };
            await using (app)
            {
                await app.StartAsync(cancellationToken);
                Console.WriteLine(new Uri(app.Urls.Single()).Port.ToString(CultureInfo.InvariantCulture));
                while (await Console.In.ReadLineAsync(cancellationToken) is not null)
                {
                    var runs = statistics();
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"{Environment.CpuUsage.TotalTime.Ticks} {GC.GetTotalAllocatedBytes()} {Environment.WorkingSet} {runs.Runs} {runs.Rows} {JitInfo.GetCompiledMethodCount()}"));
                }

                await app.StopAsync(cancellationToken);
            }
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }

        Environment.Exit(0);
    }

    public static async Task<ServingServer> StartAsync(
        string benchmark, string side, string model, BatchingMode mode, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { Environment = { [SideVariable] = $"{side} {model} {mode}" } };
        if (System.IO.Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
            start.ArgumentList.Add(typeof(ServingServer).Assembly.Location);
        start.ArgumentList.Add(benchmark);
        return await StartAsync(start, cancellationToken);
    }

    public static async Task<ServingServer> StartAsync(ProcessStartInfo start, CancellationToken cancellationToken)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = true;
        var process = Process.Start(start)!;
        var port = await process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new InvalidOperationException("A server did not start.");
        return new ServingServer(process, int.Parse(port, CultureInfo.InvariantCulture));
    }

    public async Task<Usage> ReadUsageAsync(CancellationToken cancellationToken)
    {
        await process.StandardInput.WriteLineAsync();
        var parts = (await process.StandardOutput.ReadLineAsync(cancellationToken))!.Split(' ').Select(part => long.Parse(part, CultureInfo.InvariantCulture)).ToArray();
        return new Usage(TimeSpan.FromTicks(parts[0]), parts[1], parts[2], parts[3], parts[4], parts[5]);
    }

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static async Task<(WebApplication App, Func<RunStatistics> Statistics)> BuildOursAsync(
        string home, string model, BatchingMode mode, CancellationToken cancellationToken)
    {
        var options = new LocalHostOptions { Port = 0 };
        options.FunctionTypes.Add(typeof(PredictionFunctions));
        options.FunctionTypes.Add(typeof(InferenceFunctions));
        var builder = new LocalHostBuilder(options);
        FunctionApp.Compose(
            builder,
            new PlatformOptions { Home = home, Batching = new BatchingOptions { Mode = mode } },
            new SecurityOptions { BootstrapKeyHashes = [Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)))] });
        var app = builder.Build();
        await RegisterAsync(app.Services, model, cancellationToken);
        var lease = await app.Services.GetRequiredService<ModelHost>().AcquireAsync(Tenant, "ten", 1, cancellationToken);
        return (app, () => lease.Runs);
    }

    private static async Task RegisterAsync(IServiceProvider services, string model, CancellationToken cancellationToken)
    {
        var (signature, file) = ServingModels.Read(model);
        var registry = services.GetRequiredService<ModelRegistry>();
        var folder = new ObjectPath(Containers.Runs, $"{Tenant}/benchmark/");
        var version = await registry.AllocateAsync(Tenant, "ten", cancellationToken);
        JobArtifact[] artifacts =
        [
            await LeaveAsync(ModelVersion.ContentFile, file),
            await LeaveAsync(ModelSignature.FileName, JsonSerializer.SerializeToUtf8Bytes(signature, JsonDefaults.Options)),
        ];
        await registry.RegisterAsync(
            Tenant,
            new ModelVersion
            {
                Model = "ten",
                Version = version,
                Created = TimeProvider.System.GetUtcNow(),
                Task = signature.Task,
                Sha256 = artifacts[0].Sha256,
                Bytes = file.Length,
            },
            folder,
            artifacts,
            cancellationToken);
        await services.GetRequiredService<EndpointService>().PutAsync(
            Tenant, "e", new EndpointDefinition { Model = "ten", Traffic = [new TrafficShare(version, 100)] }, default, cancellationToken);

        async Task<JobArtifact> LeaveAsync(string name, byte[] bytes)
        {
            await services.GetRequiredService<IObjectStore>().WriteAsync(folder with { Name = folder.Name + name }, new MemoryStream(bytes), null, cancellationToken);
            return new JobArtifact(name, Convert.ToHexStringLower(SHA256.HashData(bytes)), bytes.Length);
        }
    }

    private static WebApplication BuildBareRun(string model)
    {
        var session = RawRun.CreateSession(model);
        var idle = new ConcurrentBag<RawRun>();
        return BuildBare(() =>
        {
            if (!idle.TryTake(out var run))
                run = new RawRun(session);
            run.Run();
            idle.Add(run);
        });
    }

    private static WebApplication BuildBare(Action run)
    {
        var answer = "{\"requestId\":\"0123456789abcdef0123456789abcdef\",\"model\":{\"name\":\"ten\",\"version\":1},\"predictions\":[{\"label\":\"no\",\"probabilities\":{\"no\":0.5,\"yes\":0.5}}]}"u8.ToArray();
        return BuildKestrel(async context =>
        {
            var reader = context.Request.BodyReader;
            var read = await reader.ReadAsync();
            while (!read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                read = await reader.ReadAsync();
            }

            reader.AdvanceTo(read.Buffer.End);
            run();
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = answer.Length;
            await context.Response.BodyWriter.WriteAsync(answer);
        });
    }

    private static WebApplication BuildObjects(string model)
    {
        var session = RawRun.CreateSession(model);
        return BuildKestrel(async context =>
        {
            var body = (await JsonSerializer.DeserializeAsync<RequestBody>(context.Request.Body, JsonSerializerOptions.Web))!;
            var values = RowBody.Columns(body.Rows).Select(column => OrtValue.CreateTensorValueFromMemory(column, [column.Length, 1])).ToArray();
            using var options = new RunOptions();
            using var outputs = session.Run(options, RowBody.Names, values, session.OutputNames);
            Array.ForEach(values, value => value.Dispose());
            var probabilities = outputs[1].GetTensorDataAsSpan<float>().ToArray();
            var labels = outputs[0].GetStringTensorAsArray();
            var predictions = labels.Select((label, i) => new PredictionBody(
                label, new Dictionary<string, float> { ["no"] = probabilities[2 * i], ["yes"] = probabilities[(2 * i) + 1] })).ToList();
            context.Response.ContentType = "application/json";
            await JsonSerializer.SerializeAsync(
                context.Response.Body, new AnswerBody(Guid.NewGuid().ToString("N"), new ModelBody("ten", 1), predictions), JsonSerializerOptions.Web);
        });
    }

    private static WebApplication BuildKestrel(RequestDelegate answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        var app = builder.Build();
        app.Run(answer);
        return app;
    }

    private sealed record RequestBody(List<RowBody> Rows);

    private sealed record RowBody(float X0, float X1, float X2, float X3, float X4, float X5, float X6, float X7, float X8, float X9)
    {
        public static string[] Names { get; } = [.. Enumerable.Range(0, 10).Select(i => $"x{i}")];

        public static float[][] Columns(List<RowBody> rows) =>
        [
            [.. rows.Select(r => r.X0)], [.. rows.Select(r => r.X1)], [.. rows.Select(r => r.X2)], [.. rows.Select(r => r.X3)], [.. rows.Select(r => r.X4)],
            [.. rows.Select(r => r.X5)], [.. rows.Select(r => r.X6)], [.. rows.Select(r => r.X7)], [.. rows.Select(r => r.X8)], [.. rows.Select(r => r.X9)],
        ];
    }

    private sealed record ModelBody(string Name, int Version);

    private sealed record PredictionBody(string Label, Dictionary<string, float> Probabilities);

    private sealed record AnswerBody(string RequestId, ModelBody Model, List<PredictionBody> Predictions);
}
