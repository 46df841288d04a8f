using System.Buffers;
using System.Globalization;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Explanations;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Predictions;

/// <summary>A request to explain predictions: <c>?scale=</c>, <c>?evaluations=</c> and <c>?seed=</c> say how.</summary>
internal static class ExplanationRequest
{
    private const int FewestEvaluations = 100;
    private const int MostEvaluations = 100_000;

    /// <summary>Whether a prediction is asked for with <c>?explain</c>.</summary>
    public static bool IsAskedFor(HttpRequest request)
        => request.Query.TryGetValue("explain", out var value)
            && (value.ToString() switch
            {
                "" or "true" => true,
                "false" => false,
                _ => throw Refusal("explain", "'explain' is true, false or nothing."),
            });

    /// <exception cref="ProblemException">It is not acceptable.</exception>
    public static async Task<IResult> AnswerAsync(
        HttpRequest request,
        string endpoint,
        PredictionService predictions,
        PredictionAdmission admission,
        bool withPredictions,
        CancellationToken cancellationToken)
    {
        var (format, options) = (RowFormats.Of(request), OptionsOf(request));
        var read = await request.ReadWholeBodyAsync(admission, cancellationToken);
        var answer = new ArrayBufferWriter<byte>(4096);
        try
        {
            await predictions.ExplainAsync(
                request.Tenant(),
                endpoint,
                read.Buffer,
                answer,
                request.HttpContext.TraceIdentifier,
                options,
                withPredictions,
                format,
                cancellationToken);
        }
        finally
        {
            request.BodyReader.AdvanceTo(read.Buffer.End);
        }

        return Results.Bytes(answer.WrittenMemory, "application/json");
    }

    private static ExplanationOptions OptionsOf(HttpRequest request)
    {
        var options = new ExplanationOptions();
        if (request.Query.TryGetValue("scale", out var scale))
        {
            options = options with
            {
                Scale = scale.ToString() switch
                {
                    "probability" => ExplanationScale.Probability,
                    "log-odds" => ExplanationScale.LogOdds,
                    _ => throw Refusal("scale", "'scale' is 'probability' or 'log-odds'."),
                },
            };
        }

        if (request.Query.TryGetValue("evaluations", out var evaluations))
        {
            options = int.TryParse(evaluations, NumberStyles.None, CultureInfo.InvariantCulture, out var most) && most is >= FewestEvaluations and <= MostEvaluations
                ? options with { MaxEvaluations = most }
                : throw Refusal("evaluations", $"'evaluations' is a whole number from {FewestEvaluations} to {MostEvaluations}.");
        }

        if (request.Query.TryGetValue("seed", out var seed))
        {
            options = long.TryParse(seed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
                ? options with { Seed = number }
                : throw Refusal("seed", "'seed' is a whole number.");
        }

        return options;
    }

    private static ProblemException Refusal(string field, string detail) => new(Problem.InvalidValue, detail) { Field = field };
}
