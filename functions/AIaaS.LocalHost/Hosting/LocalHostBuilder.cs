using System.Net;
using AIaaS.LocalHost.Functions;
using AIaaS.LocalHost.Http;
using AIaaS.LocalHost.Timers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Hosting;

/// <summary>Composes a host that runs function classes without Azure.</summary>
/// <remarks>
/// Services and middleware are registered as with the genuine builder; then <see cref="Build"/> gives a web application, and
/// once that has started its <see cref="WebApplication.Urls"/> hold the actual address. Further triggers are hosted services.
/// </remarks>
public sealed class LocalHostBuilder : IFunctionsWorkerApplicationBuilder
{
    private readonly LocalHostOptions _options;
    private readonly WebApplicationBuilder _builder;
    private readonly List<Func<FunctionExecutionDelegate, FunctionExecutionDelegate>> _middleware = [];

    public LocalHostBuilder(LocalHostOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        // Empty: nothing is read from the working folder, and no error page tells our internals.
        _builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
            EnvironmentName = Environments.Production,
        });
        _builder.Configuration.AddEnvironmentVariables();
        _builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, options.Port);
        });
        Services.AddLogging();
        Services.AddRouting();
        Services.TryAddSingleton(TimeProvider.System);
        Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.ShutdownTimeout);
    }

    public IServiceCollection Services => _builder.Services;

    /// <summary>Environment variables so far; add to it what else should count.</summary>
    public ConfigurationManager Configuration => _builder.Configuration;

    public ILoggingBuilder Logging => _builder.Logging;

    public IFunctionsWorkerApplicationBuilder Use(Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware)
    {
        _middleware.Add(middleware);
        return this;
    }

    /// <exception cref="InvalidOperationException">Some functions cannot run; the message names each method and why.</exception>
    public WebApplication Build()
    {
        Services.AddSingleton(FunctionDiscovery.Discover(_options.FunctionTypes, Configuration, _options.RoutePrefix));
        Services.AddSingleton(FunctionPipeline.Build(_middleware));
        Services.AddSingleton<IFunctionExecutor, FunctionExecutor>();
        Services.AddSingleton<HttpTriggers>();
        Services.AddHostedService<TimerTriggers>();

        var app = _builder.Build();
        ((IEndpointRouteBuilder)app).DataSources.Add(app.Services.GetRequiredService<HttpTriggers>());
        app.UseRouting();
        app.Run(HttpTriggers.RespondAsync);
        return app;
    }
}
