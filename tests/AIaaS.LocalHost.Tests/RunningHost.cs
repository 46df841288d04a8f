using AIaaS.LocalHost.Functions;
using AIaaS.LocalHost.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.LocalHost.Tests;

/// <summary>A started local host with some function classes, on a free port.</summary>
internal sealed class RunningHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningHost(WebApplication app)
    {
        _app = app;
        Url = new Uri(app.Urls.Single());
        Client = new HttpClient { BaseAddress = Url, Timeout = TimeSpan.FromSeconds(30) };
    }

    public Uri Url { get; }

    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public IFunctionExecutor Executor => Services.GetRequiredService<IFunctionExecutor>();

    public static Task<RunningHost> StartAsync(params Type[] functions) => StartAsync(_ => { }, functions);

    public static async Task<RunningHost> StartAsync(Action<LocalHostBuilder> configure, params Type[] functions)
    {
        var app = Build(configure, functions);
        await app.StartAsync();
        return new RunningHost(app);
    }

    public static WebApplication Build(Action<LocalHostBuilder> configure, params Type[] functions)
    {
        var options = new LocalHostOptions { Port = 0 };
        foreach (var type in functions)
            options.FunctionTypes.Add(type);
        var builder = new LocalHostBuilder(options);
        configure(builder);
        return builder.Build();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
