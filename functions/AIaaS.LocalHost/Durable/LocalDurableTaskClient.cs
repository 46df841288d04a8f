using AIaaS.LocalHost.Durable.History;
using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;

namespace AIaaS.LocalHost.Durable;

/// <summary>The client of the local engine; refuses what the genuine host refuses, with the same exceptions.</summary>
internal sealed class LocalDurableTaskClient(DurableEngine engine, TimeProvider time) : DurableTaskClient("Default")
{
    private const int LongestInstanceId = 100;

    private static JsonDataConverter Converter => JsonDataConverter.Default;

    public override async Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName,
        object? input = null,
        StartOrchestrationOptions? options = null,
        CancellationToken cancellation = default)
    {
        await engine.Started.WaitAsync(cancellation);
        var instanceId = string.IsNullOrEmpty(options?.InstanceId) ? Guid.NewGuid().ToString("N") : options.InstanceId;
        RefuseInvalid(instanceId);
        if (!engine.HasOrchestrator(orchestratorName.Name))
            throw Refusal(StatusCode.Internal, $"Failed to start instance with ID {instanceId}: there is no orchestrator function named '{orchestratorName.Name}'.");

        var now = time.GetUtcNow();
        var started = new ExecutionStarted(
            instanceId,
            orchestratorName.Name,
            DurableEngine.NewExecutionId(),
            now.UtcDateTime,
            Converter.Serialize(input),
            options?.Version?.Version,
            options?.StartAt > now ? options.StartAt.Value.UtcDateTime : null,
            options is { Tags.Count: > 0 } ? options.Tags.ToDictionary() : null);
        return await engine.TryCreateAsync(started, cancellation)
            ? instanceId
            : throw Refusal(StatusCode.AlreadyExists, $"An Orchestration instance with the ID {instanceId} already exists.");
    }

    public override async Task RaiseEventAsync(
        string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        ArgumentException.ThrowIfNullOrEmpty(eventName);
        await engine.Started.WaitAsync(cancellation);
        engine.RaiseEvent(instanceId, eventName, Converter.Serialize(eventPayload));
    }

    public override async Task<OrchestrationMetadata> WaitForInstanceStartAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        await engine.Started.WaitAsync(cancellation);
        return await engine.WaitForBeginAsync(instanceId, getInputsAndOutputs, cancellation);
    }

    public override async Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        await engine.Started.WaitAsync(cancellation);
        return await engine.WaitForEndAsync(instanceId, getInputsAndOutputs, cancellation);
    }

    public override async Task TerminateInstanceAsync(
        string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        await engine.Started.WaitAsync(cancellation);
        if (!engine.Terminate(instanceId, Converter.Serialize(options?.Output), options?.Recursive ?? false))
            throw RefusalOf("terminated", instanceId);
    }

    public override async Task SuspendInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        await engine.Started.WaitAsync(cancellation);
        if (!engine.Suspend(instanceId, reason))
            throw RefusalOf("suspended", instanceId);
    }

    public override async Task ResumeInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        await engine.Started.WaitAsync(cancellation);
        if (!engine.Resume(instanceId, reason))
            throw RefusalOf("resumed", instanceId);
    }

    public override async Task<OrchestrationMetadata?> GetInstancesAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        if (string.IsNullOrEmpty(instanceId))
            throw new ArgumentNullException(nameof(instanceId));
        await engine.Started.WaitAsync(cancellation);
        return engine.Find(instanceId, getInputsAndOutputs);
    }

    public override AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(OrchestrationQuery? filter = null)
    {
        var query = filter ?? new OrchestrationQuery();
        return Pageable.Create(async (continuation, pageSize, cancellation) =>
        {
            await engine.Started.WaitAsync(cancellation);
            return engine.Query(query, continuation ?? query.ContinuationToken, pageSize ?? query.PageSize);
        });
    }

    public override async Task<PurgeResult> PurgeInstanceAsync(
        string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        await engine.Started.WaitAsync(cancellation);
        return new PurgeResult(await engine.PurgeAsync(instanceId, cancellation) ? 1 : 0);
    }

    public override async Task<PurgeResult> PurgeAllInstancesAsync(
        PurgeInstancesFilter filter, PurgeInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        await engine.Started.WaitAsync(cancellation);
        return new PurgeResult(await engine.PurgeAsync(filter, cancellation));
    }

    public override async Task<string> RestartAsync(
        string instanceId, bool restartWithNewInstanceId = false, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        await engine.Started.WaitAsync(cancellation);
        var last = engine.FindStart(instanceId)
            ?? throw new ArgumentException($"An orchestration with the instanceId {instanceId} was not found.", nameof(instanceId));
        var started = new ExecutionStarted(
            restartWithNewInstanceId ? Guid.NewGuid().ToString("N") : instanceId,
            last.Name,
            DurableEngine.NewExecutionId(),
            time.GetUtcNow().UtcDateTime,
            last.Input,
            last.Version,
            Tags: last.Tags);
        return await engine.TryCreateAsync(started, cancellation)
            ? started.InstanceId
            : throw new InvalidOperationException($"An orchestration with the instanceId {instanceId} cannot be restarted.");
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static void RefuseInvalid(string instanceId)
    {
        var problem = instanceId switch
        {
            ['@', ..] => "must not start with @",
            { Length: > LongestInstanceId } => "must not be longer than 100 characters",
            _ when instanceId.Any(c => c is '/' or '\\' or '?' or '#' || char.IsControl(c)) => @"must not contain /, \, #, ? or control characters",
            _ => null,
        };
        if (problem is not null)
            throw Refusal(StatusCode.Internal, $"Failed to start instance with ID {instanceId}: orchestration instance ids {problem}.");
    }

    private static RpcException Refusal(StatusCode code, string detail) => new(new Status(code, detail));

    private RpcException RefusalOf(string change, string instanceId) => engine.Find(instanceId, false) is { } found
        ? Refusal(StatusCode.FailedPrecondition, $"The orchestration instance {instanceId} cannot be {change} because it is in the {found.RuntimeStatus} state.")
        : Refusal(StatusCode.NotFound, $"No instance with ID '{instanceId}' was found.");
}
