using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using AIaaS.LocalHost.Durable;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Converters;

namespace AIaaS.LocalHost.Tests.Durable;

/// <summary>Functions given as delegates.</summary>
internal sealed class TestFunctions : IDurableFunctions
{
    private readonly ConcurrentDictionary<string, Orchestrator> _orchestrators = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, Func<ActivityCall, CancellationToken, Task<object?>>> _activities =
        new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Every activity call, in order of their beginnings.</summary>
    public ConcurrentQueue<ActivityCall> Calls { get; } = [];

    public TestFunctions Orchestrator(string name, Func<TaskOrchestrationContext, Task<object?>> code)
    {
        _orchestrators[name] = context => code(context);
        return this;
    }

    public TestFunctions Activity<TInput>(string name, Func<TInput?, object?> code) =>
        Activity<TInput>(name, (input, _) => Task.FromResult(code(input)));

    public TestFunctions Activity<TInput>(string name, Func<TInput?, CancellationToken, Task<object?>> code)
    {
        _activities[name] = (call, cancellation) => code(JsonDataConverter.Default.Deserialize<TInput>(call.Input), cancellation);
        return this;
    }

    public bool TryGetOrchestrator(string name, [NotNullWhen(true)] out Orchestrator? orchestrator) =>
        _orchestrators.TryGetValue(name, out orchestrator);

    public bool HasActivity(string name) => _activities.ContainsKey(name);

    public Task<object?> RunActivityAsync(ActivityCall call, CancellationToken cancellationToken)
    {
        Calls.Enqueue(call);
        return _activities[call.Name](call, cancellationToken);
    }
}
