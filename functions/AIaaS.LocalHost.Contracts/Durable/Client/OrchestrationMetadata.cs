using System.Collections.Immutable;
using System.Text;

namespace Microsoft.DurableTask.Client;

/// <summary>The state of an orchestration at one moment.</summary>
public sealed class OrchestrationMetadata
{
    private const int ShownPayloadLength = 50;

    public OrchestrationMetadata(string name, string instanceId)
    {
        Name = name;
        InstanceId = instanceId;
    }

    public string Name { get; }

    public string InstanceId { get; }

    /// <summary>Set only when inputs and outputs were asked for.</summary>
    public DataConverter? DataConverter { get; init; }

    public OrchestrationRuntimeStatus RuntimeStatus { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset LastUpdatedAt { get; init; }

    public string? SerializedInput { get; init; }

    public string? SerializedOutput { get; init; }

    public string? SerializedCustomStatus { get; init; }

    public IReadOnlyDictionary<string, string> Tags { get; init; } = ImmutableDictionary.Create<string, string>();

    public TaskFailureDetails? FailureDetails { get; init; }

    public bool IsRunning => RuntimeStatus == OrchestrationRuntimeStatus.Running;

    public bool IsCompleted => RuntimeStatus
        is OrchestrationRuntimeStatus.Completed
        or OrchestrationRuntimeStatus.Failed
        or OrchestrationRuntimeStatus.Terminated;

    /// <exception cref="InvalidOperationException">Inputs and outputs were not asked for.</exception>
    public T? ReadInputAs<T>() => Read<T>(SerializedInput);

    /// <inheritdoc cref="ReadInputAs{T}"/>
    public T? ReadOutputAs<T>() => Read<T>(SerializedOutput);

    /// <inheritdoc cref="ReadInputAs{T}"/>
    public T? ReadCustomStatusAs<T>() => Read<T>(SerializedCustomStatus);

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append($"[Name: '{Name}', ID: '{InstanceId}', RuntimeStatus: {RuntimeStatus}, CreatedAt: {CreatedAt:s}, LastUpdatedAt: {LastUpdatedAt:s}");
        if (SerializedInput is not null)
            text.Append($", Input: '{Shorten(SerializedInput)}'");
        if (SerializedOutput is not null)
            text.Append($", Output: '{Shorten(SerializedOutput)}'");
        if (FailureDetails is not null)
            text.Append($", FailureDetails: '{FailureDetails.ErrorType} - {Shorten(FailureDetails.ErrorMessage)}'");
        return text.Append(']').ToString();
    }

    private T? Read<T>(string? serialized) => DataConverter is null
        ? throw new InvalidOperationException("The instance was fetched without its inputs and outputs.")
        : DataConverter.Deserialize<T>(serialized);

    private static string Shorten(string payload) =>
        payload.Length > ShownPayloadLength ? string.Concat(payload.AsSpan(0, ShownPayloadLength), "...") : payload;
}
