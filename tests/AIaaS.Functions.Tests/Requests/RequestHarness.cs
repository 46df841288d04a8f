using System.Collections;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Tests.Requests;

/// <summary>The middleware with its real parts over a file store; a test gives the function and the request.</summary>
internal sealed class RequestHarness : IDisposable
{
    public const string AdminKey = "the first key";
    private readonly TemporaryFolder _folder = new();
    private readonly ServiceProvider _services;

    /// <param name="types">The classes of the functions; null for the function app's own.</param>
    public RequestHarness(params Type[] types)
    {
        Store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, Time);
        var services = new ServiceCollection();
        services.AddSingleton<IObjectStore>(Store);
        services.AddSingleton(TimeProvider.System);
        services.AddLogging(logging => logging.AddProvider(Log).AddFilter("Microsoft", LogLevel.None));
        services.AddRequestPipeline(new SecurityOptions { BootstrapKeyHashes = [ApiKeyText.Hash(AdminKey)] });
        if (types.Length > 0)
        {
            services.AddSingleton(new RequestPolicies(types));
        }

        _services = services.BuildServiceProvider();
        Middleware = new RequestMiddleware(
            _services.GetRequiredService<RequestPolicies>(), _services.GetRequiredService<Authenticator>(), Time, _services.GetRequiredService<ILogger<RequestMiddleware>>());
    }

    public SteppedTime Time { get; } = new(DateTimeOffset.UtcNow);

    public FileObjectStore Store { get; }

    public RecordingLog Log { get; } = new();

    public RequestMiddleware Middleware { get; }

    public IServiceProvider Services => _services;

    public void Dispose()
    {
        _services.Dispose();
        Store.Dispose();
        _folder.Dispose();
    }

    public async Task<string> CreateKeyAsync(string tenant, Role role)
        => (await _services.GetRequiredService<ApiKeys>().CreateAsync(new NewApiKey(tenant, role), default)).Text;

    /// <summary>Sends a request to a function of the app, made as the host would make it.</summary>
    public Task<Response> SendAsync(Func<DefaultHttpContext, IServiceProvider, object?> call, string function, string? key, string? body = null, Action<HttpRequest>? configure = null)
    {
        var http = new DefaultHttpContext { RequestServices = _services };
        http.Request.Method = body is null ? "GET" : "POST";
        http.Request.Scheme = "http";
        http.Request.Host = new HostString("localhost", 7071);
        if (key is not null)
        {
            http.Request.Headers["x-api-key"] = key;
        }

        if (body is not null)
        {
            var bytes = Encoding.UTF8.GetBytes(body);
            http.Request.Body = new MemoryStream(bytes);
            http.Request.ContentLength = bytes.Length;
            http.Request.ContentType = "application/json";
        }

        configure?.Invoke(http.Request);
        return SendAsync(http, function, async () => call(http, _services) switch
        {
            Task<IResult> task => await task,
            var result => result,
        });
    }

    public async Task<Response> SendAsync(HttpContext http, string function, Func<Task<object?>> call, CancellationToken stopping = default)
    {
        var written = new MemoryStream();
        http.Response.Body = written;
        await InvokeAsync(http, function, call, stopping);
        return new Response(http.Response.StatusCode, http.Response.Headers, Encoding.UTF8.GetString(written.ToArray()));
    }

    public async Task InvokeAsync(HttpContext http, string function, Func<Task<object?>> call, CancellationToken stopping)
    {
        var context = new HandmadeContext(function, http, stopping);
        await Middleware.Invoke(context, async each => each.GetInvocationResult().Value = await call());

        // As the host does with what the middleware leaves.
        if (context.Result is IResult result)
        {
            await result.ExecuteAsync(http);
        }
    }

    internal sealed record Response(int Status, IHeaderDictionary Headers, string Body)
    {
        public JsonElement Json => JsonDocument.Parse(Body).RootElement;

        public string ProblemType => Json.GetProperty("type").GetString()!;
    }

    internal sealed class HandmadeContext : FunctionContext, IInvocationFeatures, IFunctionBindingsFeature
    {
        private readonly CancellationToken _stopping;

        public HandmadeContext(string function, HttpContext? http, CancellationToken stopping = default)
        {
            _stopping = stopping;
            FunctionDefinition = new HandmadeDefinition(function);
            if (http is not null)
            {
                Items[FunctionContextExtensions.HttpContextKey] = http;
            }
        }

        public object? Result { get; set; }

        object? IFunctionBindingsFeature.InvocationResult
        {
            get => Result;
            set => Result = value;
        }

        public override string InvocationId => "1";

        public override string FunctionId => FunctionDefinition.Id;

        public override TraceContext TraceContext => throw new NotSupportedException();

        public override BindingContext BindingContext => throw new NotSupportedException();

        public override RetryContext RetryContext => throw new NotSupportedException();

        public override IServiceProvider InstanceServices { get; set; } = new ServiceCollection().BuildServiceProvider();

        public override FunctionDefinition FunctionDefinition { get; }

        public override IDictionary<object, object> Items { get; set; } = new Dictionary<object, object>();

        public override IInvocationFeatures Features => this;

        public override CancellationToken CancellationToken => _stopping;

        public void Set<T>(T instance) => throw new NotSupportedException();

        public T? Get<T>() => this is T feature ? feature : default;

        public IEnumerator<KeyValuePair<Type, object>> GetEnumerator() => throw new NotSupportedException();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private sealed class HandmadeDefinition(string name) : FunctionDefinition
    {
        public override ImmutableArray<FunctionParameter> Parameters => [];

        public override string PathToAssembly => typeof(RequestMiddleware).Assembly.Location;

        public override string EntryPoint => name;

        public override string Id => name;

        public override string Name => name;

        public override IImmutableDictionary<string, BindingMetadata> InputBindings => ImmutableDictionary<string, BindingMetadata>.Empty;

        public override IImmutableDictionary<string, BindingMetadata> OutputBindings => ImmutableDictionary<string, BindingMetadata>.Empty;
    }

    internal sealed class RecordingLog : ILoggerProvider, ILogger
    {
        private readonly List<(LogLevel Level, string Text, Exception? Exception)> _lines = [];

        public IReadOnlyList<(LogLevel Level, string Text, Exception? Exception)> Lines
        {
            get
            {
                lock (_lines)
                {
                    return [.. _lines];
                }
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
            {
                _lines.Add((logLevel, formatter(state, exception), exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
