using System.Diagnostics.CodeAnalysis;
using Microsoft.DurableTask;

namespace AIaaS.LocalHost.Durable;

/// <summary>
/// Runs an orchestrator. It is called on the orchestration's own thread and may await nothing but tasks of the context.
/// </summary>
/// <returns>The output, which the engine serializes.</returns>
internal delegate Task<object?> Orchestrator(TaskOrchestrationContext context);

/// <param name="Name">The activity's name.</param>
/// <param name="Input">Its input as JSON of <see cref="Microsoft.DurableTask.Converters.JsonDataConverter"/>; <c>null</c> for none.</param>
/// <param name="InstanceId">The orchestration that called it.</param>
/// <param name="TaskId">The position of the call in that orchestration.</param>
internal sealed record ActivityCall(string Name, string? Input, string InstanceId, int TaskId);

/// <summary>Where the engine finds the functions it runs. Names are compared without regard to case.</summary>
internal interface IDurableFunctions
{
    bool TryGetOrchestrator(string name, [NotNullWhen(true)] out Orchestrator? orchestrator);

    bool HasActivity(string name);

    /// <returns>The output, which the engine serializes.</returns>
    Task<object?> RunActivityAsync(ActivityCall call, CancellationToken cancellationToken);
}
