using System.Diagnostics.CodeAnalysis;
using AIaaS.LocalHost.Functions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Converters;

namespace AIaaS.LocalHost.Durable;

/// <summary>Gives the durable engine the orchestrators and activities of the function app.</summary>
internal sealed class CatalogDurableFunctions(FunctionCatalog catalog, IFunctionExecutor executor, IServiceProvider services) : IDurableFunctions
{
    public bool TryGetOrchestrator(string name, [NotNullWhen(true)] out Orchestrator? orchestrator)
    {
        orchestrator = catalog.Find(name) is { Kind: TriggerKind.Orchestration, IsDisabled: false } function
            ? context => CallAsync(function, context)
            : null;
        return orchestrator is not null;
    }

    public bool HasActivity(string name) => catalog.Find(name) is { Kind: TriggerKind.Activity, IsDisabled: false };

    public Task<object?> RunActivityAsync(ActivityCall call, CancellationToken cancellationToken)
    {
        var function = catalog.Get(call.Name);
        var type = function.TriggerParameter.ParameterType;
        var input = call.Input is null ? null : JsonDataConverter.Default.Deserialize(call.Input, type);
        var data = new TriggerData(input, new Dictionary<string, object?> { ["instanceId"] = call.InstanceId });
        return executor.ExecuteAsync(call.Name, data, cancellationToken);
    }

    // Nothing is awaited here but the orchestrator's own task, so that only its code decides how it goes on.
    private async Task<object?> CallAsync(FunctionDescriptor function, TaskOrchestrationContext context)
    {
        var task = FunctionExecutor.InvokeOrchestrator(function, context, services, CancellationToken.None);
        await task;
        return function.ResultOf(task);
    }
}
