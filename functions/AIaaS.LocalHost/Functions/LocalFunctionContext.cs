using System.Collections;
using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.LocalHost.Functions;

/// <summary>One invocation. Everything that a trivial function does not ask for is made on first use.</summary>
internal sealed class LocalFunctionContext : FunctionContext, IInvocationFeatures, IFunctionBindingsFeature, IAsyncDisposable
{
    private readonly IReadOnlyDictionary<string, object?>? _bindingData;
    private readonly IServiceScopeFactory? _scopes;
    private readonly CancellationToken _cancellationToken;
    private AsyncServiceScope? _scope;
    private IServiceProvider? _services;
    private IDictionary<object, object>? _items;
    private Dictionary<Type, object>? _features;
    private LocalBindingContext? _bindingContext;
    private string? _invocationId;

    /// <summary>An invocation for a request; its services are the request's.</summary>
    public LocalFunctionContext(FunctionDescriptor function, HttpContext httpContext)
    {
        Function = function;
        HttpContext = httpContext;
    }

    /// <summary>An invocation for any other trigger, with a scope of its own.</summary>
    public LocalFunctionContext(FunctionDescriptor function, TriggerData data, IServiceScopeFactory scopes, CancellationToken cancellationToken)
    {
        Function = function;
        TriggerValue = data.Value;
        _bindingData = data.BindingData;
        _scopes = scopes;
        _cancellationToken = cancellationToken;
    }

    /// <summary>An invocation whose services belong to the caller.</summary>
    public LocalFunctionContext(FunctionDescriptor function, TriggerData data, IServiceProvider services, CancellationToken cancellationToken)
    {
        Function = function;
        TriggerValue = data.Value;
        _bindingData = data.BindingData;
        _services = services;
        _cancellationToken = cancellationToken;
    }

    public FunctionDescriptor Function { get; }

    public HttpContext? HttpContext { get; }

    /// <summary>What the trigger parameter gets; not used for requests.</summary>
    public object? TriggerValue { get; set; }

    public object? InvocationResult { get; set; }

    public override string InvocationId => _invocationId ??= Guid.NewGuid().ToString();

    public override string FunctionId => Function.Definition.Id;

    public override FunctionDefinition FunctionDefinition => Function.Definition;

    public override CancellationToken CancellationToken => HttpContext?.RequestAborted ?? _cancellationToken;

    public override IInvocationFeatures Features => this;

    public override BindingContext BindingContext => _bindingContext ??= new LocalBindingContext(this);

    public override RetryContext RetryContext => NoRetries.Instance;

    public override TraceContext TraceContext => field ??= new CurrentTrace();

    public override IServiceProvider InstanceServices
    {
        get
        {
            if (_services is null)
            {
                if (HttpContext is not null)
                {
                    _services = HttpContext.RequestServices;
                }
                else
                {
                    _scope = _scopes!.CreateAsyncScope();
                    _services = _scope.Value.ServiceProvider;
                }
            }

            return _services;
        }

        set => _services = value;
    }

    public override IDictionary<object, object> Items
    {
        get
        {
            if (_items is null)
            {
                _items = new Dictionary<object, object>();
                if (HttpContext is not null)
                    _items[FunctionContextExtensions.HttpContextKey] = HttpContext;
            }

            return _items;
        }

        set => _items = value;
    }

    /// <summary>A value that a parameter gets by its name: a route or query value, or the trigger's binding data.</summary>
    public object? GetNamedValue(string name)
    {
        if (HttpContext is null)
            return LocalBindingContext.Find(_bindingData!, name);
        if (HttpContext.Request.RouteValues.TryGetValue(name, out var routeValue))
            return routeValue;
        return HttpContext.Request.Query.TryGetValue(name, out var queryValue) ? queryValue.ToString() : null;
    }

    public T? Get<T>()
    {
        if (this is T self && typeof(T) == typeof(IFunctionBindingsFeature))
            return self;
        return _features is not null && _features.TryGetValue(typeof(T), out var feature) ? (T)feature : default;
    }

    public void Set<T>(T instance)
    {
        ArgumentNullException.ThrowIfNull(instance);
        (_features ??= [])[typeof(T)] = instance;
    }

    public IEnumerator<KeyValuePair<Type, object>> GetEnumerator() => (_features ?? []).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public ValueTask DisposeAsync() => _scope?.DisposeAsync() ?? ValueTask.CompletedTask;

    private sealed class LocalBindingContext(LocalFunctionContext context) : BindingContext
    {
        private IReadOnlyDictionary<string, object?>? _data = context._bindingData;

        public override IReadOnlyDictionary<string, object?> BindingData => _data ??= OfRequest(context.HttpContext!.Request);

        public static object? Find(IReadOnlyDictionary<string, object?> data, string name)
        {
            if (data.TryGetValue(name, out var value))
                return value;
            return data.FirstOrDefault(pair => string.Equals(pair.Key, name, StringComparison.OrdinalIgnoreCase)).Value;
        }

        private static Dictionary<string, object?> OfRequest(HttpRequest request)
        {
            var data = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase);
            foreach (var (name, value) in request.Query)
                data[name] = value.ToString();
            foreach (var (name, value) in request.RouteValues)
                data[name] = value;
            return data;
        }
    }

    private sealed class NoRetries : RetryContext
    {
        public static NoRetries Instance { get; } = new();

        public override int RetryCount => 0;

        public override int MaxRetryCount => 0;
    }

    private sealed class CurrentTrace : TraceContext
    {
        public override string TraceParent { get; } = Activity.Current?.Id ?? "";

        public override string TraceState { get; } = Activity.Current?.TraceStateString ?? "";
    }
}
