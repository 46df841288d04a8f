using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using AIaaS.LocalHost.Demo;
using AIaaS.Platform;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace AIaaS.LocalHost.Hosting;

/// <summary>Composes the function app on its builder, the same under both hosts.</summary>
/// <param name="builder">Takes services and middleware.</param>
/// <param name="platform">What the platform is to use.</param>
/// <param name="security">Which credentials count.</param>
public delegate void ComposeFunctionApp(IFunctionsWorkerApplicationBuilder builder, PlatformOptions platform, SecurityOptions security);

/// <summary>The command line: <c>[demo [--exit]] [--port N] [--home FOLDER]</c>.</summary>
public static class LocalCommand
{
    private const int DefaultPort = 7071;
    private const string DefaultHome = ".aiaas";

    /// <summary>Runs the command.</summary>
    /// <param name="arguments">As given to the program.</param>
    /// <param name="functions">The assembly with the function classes.</param>
    /// <param name="compose">Composes the function app.</param>
    /// <returns>The program's exit code.</returns>
    public static Task<int> RunAsync(string[] arguments, Assembly functions, ComposeFunctionApp compose)
    {
        var port = new Option<int?>("--port")
        {
            Description = $"Port on 127.0.0.1; 0 takes a free one (AIAAS_PORT; default {DefaultPort})",
            Recursive = true,
            CustomParser = result =>
            {
                if (LocalSettings.TryReadPort(result.Tokens[0].Value, out var number))
                {
                    return number;
                }

                result.AddError($"--port {LocalSettings.PortRange}");
                return null;
            },
        };
        var home = new Option<string?>("--home") { Description = $"Folder for everything the host keeps (AIAAS_HOME; default {DefaultHome})", Recursive = true };
        var exit = new Option<bool>("--exit") { Description = "End after the predictions instead of serving on" };
        var demo = new Command("demo", "Run the main job on a sample: drop a file, watch the pipeline, ask for predictions") { exit };
        var root = new RootCommand("AIaaS.Functions on this machine: the HTTP API, the drop folder and the pipelines, without Azure.") { port, home, demo };

        Task<int> ServeAsync(ParseResult parsed, DemoOptions? options, CancellationToken cancellation)
            => LocalCommand.ServeAsync(() => LocalSettings.Read(parsed.GetValue(port), parsed.GetValue(home), DefaultPort, DefaultHome), functions, compose, options, cancellation);
        root.SetAction((parsed, cancellation) => ServeAsync(parsed, options: null, cancellation));
        demo.SetAction((parsed, cancellation) => ServeAsync(parsed, new DemoOptions(parsed.GetValue(exit)), cancellation));
        return root.Parse(arguments).InvokeAsync(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            // The host itself stops gracefully on Ctrl-C and SIGTERM.
            ProcessTerminationTimeout = null,
        });
    }

    private static async Task<int> ServeAsync(
        Func<LocalSettings> readSettings, Assembly functions, ComposeFunctionApp compose, DemoOptions? demo, CancellationToken cancellationToken)
    {
        try
        {
            var settings = readSettings();
            using var home = HomeFolder.Open(settings.Home);
            RequireFree(settings.Port);
            await using var app = await BuildAsync(settings, functions, compose, home, quiet: demo is not null, cancellationToken);
            await StartAsync(app, settings.Port, cancellationToken);
            var url = app.Urls.Single();
            await home.AnnounceAsync(url, cancellationToken);
            Console.WriteLine($"Listening on {url}");
            Console.WriteLine($"Admin key: {home.AdminKeyFile}");
            Console.WriteLine($"Drop folder: {home.DropFolderOf(Caller.DefaultTenant)}{Path.DirectorySeparatorChar}PIPELINE{Path.DirectorySeparatorChar}FILE");

            var lifetime = app.Services.GetRequiredService<IHostApplicationLifetime>();
            if (demo is not null)
            {
                using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
                var failure = await new DemoRun(new Uri(url), home, TimeProvider.System).TryRunAsync(stopping.Token);
                if (failure is not null)
                {
                    await Console.Error.WriteLineAsync($"The demo failed: {failure}");
                }

                if (failure is not null || demo.Exit)
                {
                    await app.StopAsync(CancellationToken.None);
                    return failure is null ? 0 : 1;
                }
            }

            await app.WaitForShutdownAsync(cancellationToken);
            return 0;
        }
        catch (StartRefusedException refusal)
        {
            await Console.Error.WriteLineAsync(refusal.Message);
            return 1;
        }
        catch (Exception disk) when (disk is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"The host cannot keep its data: {disk.Message}");
            return 1;
        }
    }

    private static async Task<WebApplication> BuildAsync(
        LocalSettings settings, Assembly functions, ComposeFunctionApp compose, HomeFolder home, bool quiet, CancellationToken cancellationToken)
    {
        var options = new LocalHostOptions { Port = settings.Port }
            .AddFunctions(functions)
            .ReadHostJson(Path.Combine(AppContext.BaseDirectory, "host.json"));
        var builder = new LocalHostBuilder(options);
        builder.Logging.AddConsole(console => console.FormatterName = LineFormatter.FormatterName);
        builder.Logging.AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>();
        builder.Logging.SetMinimumLevel(quiet ? LogLevel.Warning : LogLevel.Information);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        // A start that fails is told in our own words; a service that fails later is critical.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.Critical);
        builder.Services.AddTriggers(home);
        builder.AddTelemetryExport();
        try
        {
            var security = SecurityOptions.FromConfiguration(builder.Configuration, local: true);
            var adminKey = await AdminKeyFile.EnsureAsync(home.AdminKeyFile, cancellationToken);
            compose(
                builder,
                PlatformOptions.FromConfiguration(builder.Configuration, home.Path),
                security with { BootstrapKeyHashes = [.. security.BootstrapKeyHashes, adminKey] });
            return builder.Build();
        }
        catch (Exception unacceptable) when (unacceptable is InvalidOperationException or InvalidDataException)
        {
            // A setting, or the key file; the message says which and what to do.
            throw new StartRefusedException(unacceptable.Message);
        }
    }

    // Before anything begins: else triggers would have started work when the web server, which starts last, is refused.
    private static void RequireFree(int port)
    {
        try
        {
            using var probe = new TcpListener(IPAddress.Loopback, port);
            probe.Start();
        }
        catch (SocketException)
        {
            throw Occupied(port);
        }
    }

    private static async Task StartAsync(WebApplication app, int port, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (IOException occupied) when (occupied.InnerException is { } inner && (inner is SocketException || inner.InnerException is SocketException))
        {
            throw Occupied(port);
        }
    }

    private static StartRefusedException Occupied(int port)
        => new($"Port {port} cannot be listened on; most likely it is in use. Stop what listens there, or choose another with --port; --port 0 takes a free one.");
}

/// <param name="Exit">Whether to end after the predictions.</param>
internal sealed record DemoOptions(bool Exit);

/// <summary>Options of the command line, else the environment's.</summary>
internal sealed record LocalSettings(int Port, string Home)
{
    public const string PortRange = "must be a number from 0 to 65535.";

    public static bool TryReadPort(string text, out int port)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= 65535;

    public static LocalSettings Read(int? port, string? home, int defaultPort, string defaultHome)
    {
        var environmentPort = Environment.GetEnvironmentVariable("AIAAS_PORT");
        if (port is null && !string.IsNullOrEmpty(environmentPort))
        {
            port = TryReadPort(environmentPort, out var number) ? number : throw new StartRefusedException($"AIAAS_PORT {PortRange}");
        }

        return new LocalSettings(port ?? defaultPort, home ?? (Environment.GetEnvironmentVariable("AIAAS_HOME") is { Length: > 0 } set ? set : defaultHome));
    }
}
