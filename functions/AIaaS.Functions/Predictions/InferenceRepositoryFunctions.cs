using System.Globalization;
using System.Text.Json;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Http;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Predictions;

/// <summary>The model repository extension of the Open Inference Protocol.</summary>
public sealed class InferenceRepositoryFunctions(InferenceService inference)
{
    /// <summary>Lists the versions of all models, and whether they are in memory.</summary>
    [Function("InferenceRepositoryIndex")]
    [RequiresRole(Role.Reader)]
    [Takes(Optional = true, ContentTypes = "application/json", Example = """{"ready":true}""")]
    [Answers(200, typeof(IReadOnlyList<EntryView>))]
    public async Task<IResult> ListAsync([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "v2/repository/index")] HttpRequest request)
    {
        using var body = await ReadAsync(request);
        var onlyReady = false;
        if (body?.RootElement.TryGetProperty("ready", out var ready) is true)
        {
            onlyReady = ready.ValueKind is JsonValueKind.True or JsonValueKind.False
                ? ready.GetBoolean()
                : throw new ProblemException(Problem.InvalidValue, "'ready' must be true or false.");
        }

        var entries = await inference.ListAsync(request.Tenant(), request.Aborted());
        return Reply.Json(entries.Where(entry => entry.IsLoaded || !onlyReady).Select(EntryView.Of).ToList());
    }

    /// <summary>Loads a model, so that its first request finds it ready.</summary>
    [Function("InferenceRepositoryLoad")]
    [RequiresRole(Role.Trainer)]
    [RequestLimits(TimeoutSeconds = 120)]
    [Takes(Optional = true, ContentTypes = "application/json", Example = "{}")]
    [Answers(200)]
    public async Task<IResult> LoadAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "v2/repository/models/{model}/load")] HttpRequest request, string model)
    {
        using var body = await ReadAsync(request);
        if (body?.RootElement.TryGetProperty("parameters", out var parameters) is true
            && parameters.ValueKind is JsonValueKind.Object
            && parameters.EnumerateObject().Any(parameter => parameter.Name == "config" || parameter.Name.StartsWith("file:", StringComparison.Ordinal)))
        {
            throw new ProblemException(
                Problem.InvalidValue, $"failed to load '{model}': versions are immutable, so that 'config' and 'file:' are not taken. Import the file as a new version by POST /api/v1/models/{{model}}/versions.");
        }

        await inference.LoadAsync(request.Tenant(), model, request.Aborted());
        return Reply.Empty(StatusCodes.Status200OK);
    }

    /// <summary>Drops a model from memory; requests that hold it are not disturbed.</summary>
    [Function("InferenceRepositoryUnload")]
    [RequiresRole(Role.Trainer)]
    [Takes(Optional = true, ContentTypes = "application/json", Example = "{}")]
    [Answers(200)]
    public async Task<IResult> UnloadAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "v2/repository/models/{model}/unload")] HttpRequest request, string model)
    {
        using var body = await ReadAsync(request);
        await inference.UnloadAsync(request.Tenant(), model, request.Aborted());
        return Reply.Empty(StatusCodes.Status200OK);
    }

    /// <returns>Null for an empty body, which the extension allows.</returns>
    private static async Task<JsonDocument?> ReadAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.Aborted());
        if (body.Length == 0)
        {
            return null;
        }

        var document = JsonDocument.Parse(body.GetBuffer().AsMemory(0, (int)body.Length));
        if (document.RootElement.ValueKind is JsonValueKind.Object)
        {
            return document;
        }

        document.Dispose();
        throw new ProblemException(Problem.MalformedBody, "The body is not a JSON object.");
    }

    /// <param name="Name">The model.</param>
    /// <param name="Version">One of its versions.</param>
    /// <param name="State"><c>READY</c> in memory, else <c>UNAVAILABLE</c>.</param>
    /// <param name="Reason">Why it is not in memory, where that is known.</param>
    private sealed record EntryView(string Name, string Version, string State, string Reason)
    {
        public static EntryView Of(RepositoryEntry entry) => new(
            entry.Model, entry.Version.ToString(CultureInfo.InvariantCulture), entry.IsLoaded ? "READY" : "UNAVAILABLE", entry.Reason);
    }
}
