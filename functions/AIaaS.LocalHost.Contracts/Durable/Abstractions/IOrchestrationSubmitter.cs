namespace Microsoft.DurableTask.Internal;

/// <summary>Infrastructure of the genuine packages; use <c>DurableTaskClient</c>.</summary>
public interface IOrchestrationSubmitter
{
    Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName,
        object? input = null,
        StartOrchestrationOptions? options = null,
        CancellationToken cancellation = default);
}
