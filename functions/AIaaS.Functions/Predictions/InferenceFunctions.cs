using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Reflection;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Http;
using AIaaS.Platform.Operations;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using AIaaS.Serving.Inference;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Predictions;

/// <summary>The Open Inference Protocol, version 2: health, metadata and inference.</summary>
/// <remarks>No two routes here match the same path, since the genuine host has no rule which of them it would take.</remarks>
public sealed class InferenceFunctions(InferenceService inference, PredictionAdmission admission, Readiness readiness, TimeProvider time)
{
    internal const long LargestRequest = 64 << 20;

    private const string HeaderLength = "Inference-Header-Content-Length";
    private const string Models = "v2/models/{model}";
    private const string Versions = Models + "/versions/{version}";

    private static readonly string[] Extensions = ["binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"];

    private static readonly InferenceServerView Server = new(
        "aiaas", typeof(InferenceFunctions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0", Extensions);

    /// <summary>Whether the server runs.</summary>
    [Function("InferenceServerLive")]
    [Anonymous]
    [RequestLimits(MaxBodyBytes = 0)]
    [Answers(200, typeof(InferenceHealthView))]
    public static IResult Live([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "v2/health/live")] HttpRequest request)
        => Reply.Json(new InferenceHealthView(true));

    /// <summary>Whether the server can answer; 503 where it cannot yet.</summary>
    [Function("InferenceServerReady")]
    [Anonymous]
    [RequestLimits(MaxBodyBytes = 0)]
    [Answers(200, typeof(InferenceHealthView))]
    public async Task<IResult> ReadyAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "v2/health/ready")] HttpRequest request)
        => await readiness.IsReadyAsync().WaitAsync(request.HttpContext.RequestAborted)
            ? Reply.Json(new InferenceHealthView(true))
            : throw new ProblemException(Problem.Unavailable, "Not ready yet. Ask again in a moment.") { RetryAfter = TimeSpan.FromSeconds(2) };

    /// <summary>Names the server and the extensions of the protocol that it has.</summary>
    [Function("InferenceServer")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(InferenceServerView))]
    public static IResult GetServer([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "v2")] HttpRequest request)
        => Reply.Json(Server);

    /// <summary>Describes the inputs and outputs of an endpoint's or model's version.</summary>
    /// <remarks><c>/v2/models/stats</c> matches this route too, and means the statistics of all models.</remarks>
    [Function("InferenceModel")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(InferenceModelView))]
    [AnswersAt("v2/models/stats", "InferenceStatistics", "Counts what the versions of all models have done in this process.", typeof(StatisticsView))]
    public Task<IResult> GetModelAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Models)] HttpRequest request, string model)
        => model == "stats" ? StatisticsAsync(request, model: null, version: null) : DescribeAsync(request, model, version: null);

    /// <summary>Describes the inputs and outputs of one version of a model.</summary>
    [Function("InferenceModelVersion")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(InferenceModelView))]
    public Task<IResult> GetModelVersionAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Versions)] HttpRequest request, string model, string version)
        => DescribeAsync(request, model, version);

    /// <summary>Whether a model can answer; it is loaded first where it is not in memory.</summary>
    [Function("InferenceModelReady")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(InferenceReadyView))]
    public Task<IResult> GetModelReadyAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Models + "/ready")] HttpRequest request, string model)
        => RequireReadyAsync(request, model, version: null);

    /// <summary>Whether one version of a model can answer; it is loaded first where it is not in memory.</summary>
    [Function("InferenceModelVersionReady")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(InferenceReadyView))]
    public Task<IResult> GetModelVersionReadyAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Versions + "/ready")] HttpRequest request, string model, string version)
        => RequireReadyAsync(request, model, version);

    /// <summary>Describes a model in the terms of Triton's model configuration.</summary>
    [Function("InferenceModelConfiguration")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(ConfigurationView))]
    public Task<IResult> GetModelConfigurationAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Models + "/config")] HttpRequest request, string model)
        => ConfigureAsync(request, model, version: null);

    /// <summary>Describes one version of a model in the terms of Triton's model configuration.</summary>
    [Function("InferenceModelVersionConfiguration")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(ConfigurationView))]
    public Task<IResult> GetModelVersionConfigurationAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Versions + "/config")] HttpRequest request, string model, string version)
        => ConfigureAsync(request, model, version);

    /// <summary>Counts what a model's versions have done in this process.</summary>
    [Function("InferenceModelStatistics")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(StatisticsView))]
    public Task<IResult> GetModelStatisticsAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Models + "/stats")] HttpRequest request, string model)
        => StatisticsAsync(request, model, version: null);

    /// <summary>Counts what one version of a model has done in this process.</summary>
    [Function("InferenceModelVersionStatistics")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(StatisticsView))]
    public Task<IResult> GetModelVersionStatisticsAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Versions + "/stats")] HttpRequest request, string model, string version)
        => StatisticsAsync(request, model, version);

    /// <summary>Runs a model on tensors, as JSON or in binary.</summary>
    [Function("Infer")]
    [RequiresRole(Role.Predictor)]
    [RequestLimits(MaxBodyBytes = LargestRequest, TimeoutSeconds = 60)]
    [Takes(typeof(InferenceRequestBody), ContentTypes = "application/octet-stream", Example = """{"inputs":[{"name":"length","shape":[1,1],"datatype":"FP32","data":[1.5]}]}""")]
    [TakesHeader("Inference-Header-Content-Length", "The length of the JSON before binary tensors, in bytes.")]
    [TakesHeader(RequestDeadline.Header, RequestDeadline.Description)]
    [Answers(200, typeof(InferenceAnswerBody), ContentType = "application/octet-stream")]
    public Task<IResult> InferAsync([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Models + "/infer")] HttpRequest request, string model)
        => AnswerAsync(request, model, version: null);

    /// <summary>Runs one version of a model on tensors, as JSON or in binary.</summary>
    [Function("InferVersion")]
    [RequiresRole(Role.Predictor)]
    [RequestLimits(MaxBodyBytes = LargestRequest, TimeoutSeconds = 60)]
    [Takes(typeof(InferenceRequestBody), ContentTypes = "application/octet-stream", Example = """{"inputs":[{"name":"length","shape":[1,1],"datatype":"FP32","data":[1.5]}]}""")]
    [TakesHeader("Inference-Header-Content-Length", "The length of the JSON before binary tensors, in bytes.")]
    [TakesHeader(RequestDeadline.Header, RequestDeadline.Description)]
    [Answers(200, typeof(InferenceAnswerBody), ContentType = "application/octet-stream")]
    public Task<IResult> InferVersionAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Versions + "/infer")] HttpRequest request, string model, string version)
        => AnswerAsync(request, model, version);

    private async Task<IResult> DescribeAsync(HttpRequest request, string model, string? version)
    {
        var described = await inference.DescribeAsync(request.Tenant(), model, version, request.Aborted());
        return Reply.Json(new InferenceModelView(
            model,
            [.. described.Versions.Select(number => number.ToString(CultureInfo.InvariantCulture))],
            "onnx_onnxv1",
            described.Tensors.Inputs,
            described.Tensors.Outputs));
    }

    private async Task<IResult> ConfigureAsync(HttpRequest request, string model, string? version)
        => Reply.Json(ConfigurationView.Of(model, await inference.DescribeAsync(request.Tenant(), model, version, request.Aborted())));

    private async Task<IResult> RequireReadyAsync(HttpRequest request, string model, string? version)
    {
        await inference.RequireReadyAsync(request.Tenant(), model, version, request.Aborted());
        return Reply.Json(new InferenceReadyView(model, true));
    }

    private async Task<IResult> StatisticsAsync(HttpRequest request, string? model, string? version)
        => Reply.Json(StatisticsView.Of(await inference.ReadStatisticsAsync(request.Tenant(), model, version, request.Aborted())));

    /// <remarks>Tensors are read from the request's own buffers and written from the model's memory into the response's.</remarks>
    private async Task<IResult> AnswerAsync(HttpRequest request, string model, string? version)
    {
        var headerLength = ReadHeaderLength(request);
        var coding = request.ReadContentCoding();
        using var deadline = RequestDeadline.Of(request, time);
        try
        {
            if (coding is ContentCoding.Identity)
            {
                return await AnswerAsync(request, model, version, headerLength, deadline);
            }

            admission.RequireRoom(request.Tenant());
            var body = await request.DecompressBodyAsync(coding, LargestRequest, deadline.Token);
            return await AnswerAsync(request, model, version, body, headerLength, deadline);
        }
        catch (OperationCanceledException) when (deadline.IsOver)
        {
            throw deadline.Expired();
        }
    }

    private async Task<IResult> AnswerAsync(HttpRequest request, string model, string? version, long? headerLength, RequestDeadline deadline)
    {
        var read = await request.ReadWholeBodyAsync(admission, deadline.Token);
        try
        {
            return await AnswerAsync(request, model, version, read.Buffer, headerLength, deadline);
        }
        finally
        {
            // Given back where the request is refused as well: the connection serves on only with a reader at rest.
            request.BodyReader.AdvanceTo(read.Buffer.End);
        }
    }

    private async Task<IResult> AnswerAsync(
        HttpRequest request, string model, string? version, ReadOnlySequence<byte> body, long? headerLength, RequestDeadline deadline)
    {
        using var served = await inference.InferAsync(request.Tenant(), model, version, body, headerLength, deadline.Timeout, deadline.Token);
        return await SendAsync(request, served.Answer);
    }

    private static async Task<IResult> SendAsync(HttpRequest request, InferenceAnswer answer)
    {
        var response = request.HttpContext.Response;
        response.ContentType = answer.HeaderLength is null ? "application/json" : "application/octet-stream";
        if (answer.HeaderLength is { } length)
        {
            response.Headers[HeaderLength] = length.ToString(CultureInfo.InvariantCulture);
        }

        response.SetServerTiming(("parse", answer.Parse), ("queue", answer.Queue), ("run", answer.Run), ("write", answer.Write));
        var coding = request.ChooseContentCoding();
        if (coding is ContentCoding.Identity)
        {
            response.ContentLength = answer.Length;
            await response.StartAsync(request.Aborted());
            answer.WriteTo(response.BodyWriter);
            await response.BodyWriter.FlushAsync(request.Aborted());
            return Results.Empty;
        }

        response.Headers.ContentEncoding = ContentCodings.NameOf(coding);
        response.Headers.Vary = "Accept-Encoding";
        await using (var compressed = ContentCodings.Compress(response.Body, coding))
        {
            var writer = PipeWriter.Create(compressed, new StreamPipeWriterOptions(leaveOpen: true));
            answer.WriteTo(writer);
            await writer.FlushAsync(request.Aborted());
            await writer.CompleteAsync();
        }

        return Results.Empty;
    }

    private static long? ReadHeaderLength(HttpRequest request)
    {
        if (!request.Headers.TryGetValue(HeaderLength, out var values))
        {
            return null;
        }

        return values is [{ } value] && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            ? length
            : throw new ProblemException(Problem.InvalidValue, $"'{HeaderLength}' must be the length of the JSON object in bytes.");
    }

    /// <param name="Live">Whether the server runs, or for readiness, whether it can answer.</param>
    private sealed record InferenceHealthView(bool Live);

    /// <param name="Name">Always <c>aiaas</c>.</param>
    /// <param name="Version">The version of the product.</param>
    /// <param name="Extensions">The extensions of the protocol that are there.</param>
    private sealed record InferenceServerView(string Name, string Version, IReadOnlyList<string> Extensions);

    /// <param name="Name">The name that was asked for.</param>
    /// <param name="Versions">The versions that answer under this name.</param>
    /// <param name="Platform">Always <c>onnx_onnxv1</c>.</param>
    /// <param name="Inputs">What the graph takes.</param>
    /// <param name="Outputs">What the graph gives.</param>
    private sealed record InferenceModelView(
        string Name, IReadOnlyList<string> Versions, string Platform, IReadOnlyList<TensorMetadata> Inputs, IReadOnlyList<TensorMetadata> Outputs);

    /// <param name="Name">The name that was asked for.</param>
    /// <param name="Ready">Whether it can answer.</param>
    private sealed record InferenceReadyView(string Name, bool Ready);
}
