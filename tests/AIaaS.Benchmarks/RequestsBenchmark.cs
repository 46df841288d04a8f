using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AIaaS.LocalHost.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Benchmarks;

/// <summary>What the local host adds to a request: a trivial function against a bare request delegate, each in a process of its own.</summary>
internal sealed class RequestsBenchmark : IBenchmark
{
    private const string SideVariable = "AIAAS_BENCHMARK_SIDE";
    private const string Bare = "bare";
    private const string Local = "local";
    private const int Connections = 8;
    private const int RequestsPerConnection = 1_000;
    private const int Rounds = 41;
    private const double Aim = 1.3;

    public string Name => "requests";

    public string Description => "A trivial function under the local host against bare Kestrel: CPU time of a request";

    public async Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable(SideVariable) is { } side)
            await ServeAsync(side, cancellationToken);

        await using var bare = await Server.StartAsync(Bare, cancellationToken);
        await using var local = await Server.StartAsync(Local, cancellationToken);

        // The first rounds let the runtime compile what is hot.
        for (var round = 0; round < 20; round++)
        {
            await MeasureAsync(bare, cancellationToken);
            await MeasureAsync(local, cancellationToken);
        }

        var bareCosts = new List<Cost>();
        var localCosts = new List<Cost>();
        for (var round = 0; round < Rounds; round++)
        {
            bareCosts.Add(await MeasureAsync(bare, cancellationToken));
            localCosts.Add(await MeasureAsync(local, cancellationToken));
        }

        Print("bare Kestrel", bareCosts);
        Print("local host", localCosts);
        var ratio = LowerQuartile(localCosts) / LowerQuartile(bareCosts);
        return new BenchmarkOutcome(
            string.Create(CultureInfo.InvariantCulture, $"{ratio:F2}× the CPU of bare Kestrel"),
            string.Create(CultureInfo.InvariantCulture, $"≤ {Aim}×"),
            ratio <= Aim);
    }

    private static void Print(string side, List<Cost> costs) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{side,-12} {LowerQuartile(costs):F1} µs CPU a request (lower quartile of {costs.Count} rounds; least {costs.Min(cost => cost.Microseconds):F1}, median {Quantile(costs, 2):F1}), {costs.Min(cost => cost.Bytes):F0} bytes allocated"));

    /// <summary>Other work on the machine only ever adds to a round's cost, so the cheaper rounds tell most.</summary>
    private static double LowerQuartile(List<Cost> costs) => Quantile(costs, 4);

    private static double Quantile(List<Cost> costs, int divisor) => costs.Select(cost => cost.Microseconds).Order().ElementAt(costs.Count / divisor);

    private static async Task<Cost> MeasureAsync(Server server, CancellationToken cancellationToken)
    {
        const int Requests = Connections * RequestsPerConnection;
        var before = await server.ReadUsageAsync(cancellationToken);
        var clients = Enumerable.Range(0, Connections).Select(_ => Task.Factory.StartNew(
            () => Send(server.Port), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        await Task.WhenAll(clients);
        var after = await server.ReadUsageAsync(cancellationToken);
        return new Cost((after.Cpu - before.Cpu).TotalMicroseconds / Requests, (after.Bytes - before.Bytes) / (double)Requests);
    }

    /// <summary>One connection's requests, each sent when the last is answered.</summary>
    private static void Send(int port)
    {
        var request = Encoding.ASCII.GetBytes("GET /hello HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        var buffer = new byte[4096];
        var length = 0;
        for (var sent = 0; sent < RequestsPerConnection; sent++)
        {
            socket.Send(request);
            var received = 0;
            // Every response is as long as the first, which ends with the body.
            do
            {
                var read = socket.Receive(buffer.AsSpan(received));
                if (read == 0)
                    throw new InvalidOperationException("The server closed the connection.");
                received += read;
            }
            while (length == 0 ? !buffer.AsSpan(0, received).EndsWith("\r\n\r\nHello"u8) : received < length);

            length = received;
            if (!buffer.AsSpan(0, received).StartsWith("HTTP/1.1 200 OK"u8))
                throw new InvalidOperationException($"The server answered: {Encoding.ASCII.GetString(buffer, 0, received)}");
        }
    }

    /// <summary>One side in a child process: tells its port, then its usage for each line it reads, until there are no more.</summary>
    private static async Task ServeAsync(string side, CancellationToken cancellationToken)
    {
        await using var app = side == Local ? BuildLocal() : BuildBare();
        await app.StartAsync(cancellationToken);
        Console.WriteLine(new Uri(app.Urls.Single()).Port.ToString(CultureInfo.InvariantCulture));
        while (await Console.In.ReadLineAsync(cancellationToken) is not null)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{Environment.CpuUsage.TotalTime.Ticks} {GC.GetTotalAllocatedBytes()}"));
        }

        await app.StopAsync(cancellationToken);
        Environment.Exit(0);
    }

    private static WebApplication BuildLocal()
    {
        var options = new LocalHostOptions { Port = 0 };
        options.FunctionTypes.Add(typeof(TrivialFunction));
        return new LocalHostBuilder(options).Build();
    }

    private static WebApplication BuildBare()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        var app = builder.Build();
        app.Run(context =>
        {
            context.Response.ContentType = "text/plain; charset=utf-8";
            context.Response.ContentLength = TrivialFunction.Body.Length;
            return context.Response.WriteAsync(TrivialFunction.Body);
        });
        return app;
    }

    /// <summary>What one request took in one round.</summary>
    private sealed record Cost(double Microseconds, double Bytes);

    private sealed class Server(Process process, int port) : IAsyncDisposable
    {
        public int Port { get; } = port;

        public static async Task<Server> StartAsync(string side, CancellationToken cancellationToken)
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                Environment = { [SideVariable] = side },
            };
            if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
                start.ArgumentList.Add(typeof(RequestsBenchmark).Assembly.Location);
            start.ArgumentList.Add("requests");
            var process = Process.Start(start)!;
            var port = await process.StandardOutput.ReadLineAsync(cancellationToken)
                ?? throw new InvalidOperationException($"The {side} server did not start.");
            return new Server(process, int.Parse(port, CultureInfo.InvariantCulture));
        }

        public async Task<(TimeSpan Cpu, long Bytes)> ReadUsageAsync(CancellationToken cancellationToken)
        {
            await process.StandardInput.WriteLineAsync();
            var parts = (await process.StandardOutput.ReadLineAsync(cancellationToken))!.Split(' ');
            return (TimeSpan.FromTicks(long.Parse(parts[0], CultureInfo.InvariantCulture)), long.Parse(parts[1], CultureInfo.InvariantCulture));
        }

        public async ValueTask DisposeAsync()
        {
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }
}

/// <summary>The function that the <c>requests</c> benchmark calls.</summary>
public sealed class TrivialFunction
{
    internal const string Body = "Hello";

    [Function("Hello")]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "hello")] HttpRequest request) => TypedResults.Text(Body);
}
