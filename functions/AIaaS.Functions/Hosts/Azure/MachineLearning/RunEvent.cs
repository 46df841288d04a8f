using System.Text.Json;
using AIaaS.Platform.Training;

namespace AIaaS.Functions.Hosts.Azure.MachineLearning;

/// <summary>An event of a workspace's run, from the Event Grid schema or CloudEvents 1.0.</summary>
/// <param name="Type">For instance <c>Microsoft.MachineLearningServices.RunCompleted</c>.</param>
/// <param name="RunId">The job's name; null where the event is not about a run.</param>
/// <param name="Status">The run's state; null where the type alone tells.</param>
internal sealed record RunEvent(string Type, string? RunId, string? Status)
{
    private const string Completed = "Microsoft.MachineLearningServices.RunCompleted";
    private const string StatusChanged = "Microsoft.MachineLearningServices.RunStatusChanged";

    /// <summary>The job of ours that ended; null where the event tells of nothing of the kind.</summary>
    public TrainingJobId? EndedJob => Type switch
    {
        Completed => AzureMlJobName.Parse(RunId),
        StatusChanged when new TrainingJobStatus(AzureMlJobStates.Of(Status)).Ended => AzureMlJobName.Parse(RunId),
        _ => null,
    };

    /// <param name="message">One event, or an array of them.</param>
    /// <exception cref="JsonException">It is no event.</exception>
    public static IReadOnlyList<RunEvent> Parse(string message)
    {
        using var document = JsonDocument.Parse(message);
        return document.RootElement.ValueKind == JsonValueKind.Array
            ? [.. document.RootElement.EnumerateArray().Select(Read)]
            : [Read(document.RootElement)];
    }

    private static RunEvent Read(JsonElement element)
    {
        var type = Text(element, "eventType") ?? Text(element, "type") ?? throw new JsonException("It has neither 'eventType' nor 'type'.");
        var data = Member(element, "data");
        return new RunEvent(type, data is { } run ? Text(run, "runId") : null, data is { } changed ? Text(changed, "runStatus") : null);
    }

    private static string? Text(JsonElement element, string name)
        => Member(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    // The documentation capitalizes the members of 'data'; the service does not.
    private static JsonElement? Member(JsonElement element, string name)
        => element.ValueKind != JsonValueKind.Object ? throw new JsonException("It is not a JSON object.")
            : element.EnumerateObject().FirstOrDefault(member => member.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is { Value.ValueKind: not JsonValueKind.Undefined } found
                ? found.Value
                : null;
}
