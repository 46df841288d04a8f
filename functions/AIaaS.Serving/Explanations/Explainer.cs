using System.Buffers;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Serving.Explanations.Trees;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Explanations;

/// <summary>
/// Tells how much each feature moves a prediction away from the mean prediction of a background sample. Base value and
/// attributions add up to the prediction.
/// </summary>
public static class Explainer
{
    private const int MostRows = 20;

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = PredictionPlan.Encoder };

    /// <summary>
    /// Explains the rows of one request: <c>{"requestId","model","explanations":[{"method","output","scale","baseValue","prediction","attributions"}]}</c>.
    /// </summary>
    /// <param name="lease">Held by the caller until the answer is written.</param>
    /// <param name="body">As for a prediction; at most 20 rows.</param>
    /// <param name="background">Rows as <see cref="BackgroundSample"/> has them.</param>
    /// <param name="response">Written to only once all is explained.</param>
    /// <param name="context">The request.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the runs.</param>
    /// <exception cref="PredictionRequestException">The caller has to change the request.</exception>
    /// <exception cref="InvalidDataException">The background is not of this model.</exception>
    /// <exception cref="PredictionFailedException">The model failed.</exception>
    public static async Task ExplainAsync(
        ModelLease lease,
        ReadOnlySequence<byte> body,
        ReadOnlyMemory<byte> background,
        IBufferWriter<byte> response,
        PredictionContext context,
        ExplanationOptions options,
        CancellationToken cancellationToken)
    {
        var model = lease.Model;
        var workspace = model.RentWorkspace();
        try
        {
            workspace.Parse(body, context with { MaxRows = MostRows });
            var plan = workspace.Plan;
            var output = Array.Find(plan.Outputs, o => o.Output.Role is OutputRole.Probabilities or OutputRole.Value or OutputRole.AnomalyScore)
                ?? throw new PredictionRequestException(PredictionError.WrongForm, "The model gives neither probabilities nor a value nor an anomaly score, so that there is nothing to explain.");
            if (output.ElementType is not (TensorElementType.Float or TensorElementType.Double))
                throw new PredictionRequestException(PredictionError.WrongForm, "The model gives whole numbers, which are not explained.");
            var others = ReadBackground(plan, background);
            var scale = output.Output.Role == OutputRole.Probabilities ? options.Scale : ExplanationScale.Probability;
            var mixed = new RowBuffer(plan.Features);
            var evaluations = plan.MixesRows ? options.MaxEvaluations / Math.Max(1, workspace.Rows.Rows) : options.MaxEvaluations;
            var explained = await ByTreesAsync(lease, plan, output, scale, mixed, workspace.Rows, others, cancellationToken);
            for (var row = 0; row < explained.Length; row++)
            {
                if (explained[row] is not null)
                    continue;
                var number = row;
                var shapley = new ShapleyValues(
                    rows => EvaluateAsync(lease, plan, output, scale, mixed, (workspace.Rows, number), others, rows, cancellationToken),
                    plan.Features.Length,
                    output.Width,
                    others.Rows);
                explained[row] = await shapley.ExplainAsync(evaluations, options.Seed);
            }

            Write(response, context, plan, output, scale, explained!);
        }
        finally
        {
            model.ReturnWorkspace(workspace);
        }
    }

    private static RowBuffer ReadBackground(PredictionPlan plan, ReadOnlyMemory<byte> background)
    {
        var rows = new RowBuffer(plan.Features);
        try
        {
            JsonRowReader.Read(new(background), plan, rows, new PredictionContext("", "", 0, MaxRows: BackgroundSample.MostRows));
        }
        catch (PredictionRequestException e)
        {
            throw new InvalidDataException(e.Message, e);
        }

        return rows.Rows > 0 ? rows : throw new InvalidDataException("It has no rows.");
    }

    /// <returns>For each row an explanation, or null where the model is not made of trees alone, or of too many for this row.</returns>
    private static async ValueTask<Attribution?[]> ByTreesAsync(
        ModelLease lease,
        PredictionPlan plan,
        OutputPlan output,
        ExplanationScale scale,
        RowBuffer mixed,
        RowBuffer rows,
        RowBuffer others,
        CancellationToken cancellationToken)
    {
        if (rows.Rows == 0 || await lease.Model.FindTreesAsync(plan, output, cancellationToken) is not { } trees)
            return new Attribution?[rows.Rows];
        mixed.Clear();
        mixed.Append(others);
        mixed.Append(rows);
        var given = await RunAsync(lease, plan, output, mixed, together: null, cancellationToken);
        return trees.Explain(plan, mixed, others.Rows, given, scale, cancellationToken);
    }

    private static async ValueTask<double[]> EvaluateAsync(
        ModelLease lease,
        PredictionPlan plan,
        OutputPlan output,
        ExplanationScale scale,
        RowBuffer mixed,
        (RowBuffer Rows, int Row) ours,
        RowBuffer others,
        IReadOnlyList<(int Background, bool[] IsOurs)> rows,
        CancellationToken cancellationToken)
    {
        // Where a row's answer depends on the request's other rows, each run has them all.
        var (together, own) = plan.MixesRows ? (ours.Rows.Rows, ours.Row) : (1, 0);
        mixed.Clear();
        foreach (var (background, isOurs) in rows)
        {
            for (var row = 0; row < together; row++)
            {
                if (row == own)
                    mixed.AddMixed(ours, (others, background), isOurs);
                else
                    mixed.Add(ours.Rows, row);
            }
        }

        var all = await RunAsync(lease, plan, output, mixed, plan.MixesRows ? together : null, cancellationToken);
        var results = new double[rows.Count * output.Width];
        for (var run = 0; run < rows.Count; run++)
            all.AsSpan(((run * together) + own) * output.Width, output.Width).CopyTo(results.AsSpan(run * output.Width));
        for (var row = 0; scale == ExplanationScale.LogOdds && row < rows.Count; row++)
            ScoreLink.ToLogOdds(results.AsSpan(row * output.Width, output.Width));
        return results;
    }

    private static async ValueTask<double[]> RunAsync(
        ModelLease lease, PredictionPlan plan, OutputPlan output, RowBuffer rows, int? together, CancellationToken cancellationToken)
    {
        var results = new double[rows.Rows * output.Width];
        for (var (first, step) = (0, 0); first < rows.Rows; first += step)
        {
            // No more at a time than the parts of a large prediction have, so that other requests run between.
            step = Math.Min(rows.Rows - first, plan.RunsSingleRows ? 1 : together ?? lease.Model.Queue.RowsPerTurn);
            var values = rows.CreateValues(first, step);
            try
            {
                using var given = await lease.RunAsync(
                    [.. plan.Features.Select(f => f.Feature.Input)], values, [output.Output.Name], step, cancellationToken);
                Copy(given[0], output, results.AsSpan(first * output.Width, step * output.Width));
            }
            finally
            {
                foreach (var value in values)
                    value.Dispose();
            }
        }

        return results;
    }

    private static void Copy(OrtValue value, OutputPlan output, Span<double> results)
    {
        if (output.ElementType == TensorElementType.Double)
        {
            value.GetTensorDataAsSpan<double>()[..results.Length].CopyTo(results);
            return;
        }

        var singles = value.GetTensorDataAsSpan<float>();
        for (var i = 0; i < results.Length; i++)
            results[i] = singles[i];
    }

    private static void Write(
        IBufferWriter<byte> response, PredictionContext context, PredictionPlan plan, OutputPlan output, ExplanationScale scale, Attribution[] explained)
    {
        using var writer = new Utf8JsonWriter(response, WriterOptions);
        writer.WriteStartObject();
        writer.WriteString("requestId"u8, context.RequestId);
        writer.WriteStartObject("model"u8);
        writer.WriteString("name"u8, context.ModelName);
        writer.WriteNumber("version"u8, context.ModelVersion);
        writer.WriteEndObject();
        writer.WriteStartArray("explanations"u8);
        foreach (var each in explained)
        {
            writer.WriteStartObject();
            writer.WriteString("method"u8, JsonNamingPolicy.CamelCase.ConvertName(each.Method.ToString()));
            if (each.Permutations > 0)
                writer.WriteNumber("permutations"u8, each.Permutations);
            writer.WriteString("output"u8, JsonNamingPolicy.CamelCase.ConvertName(output.Output.Role.ToString()));
            if (output.Output.Role == OutputRole.Probabilities)
                writer.WriteString("scale"u8, scale == ExplanationScale.LogOdds ? "log-odds"u8 : "probability"u8);
            writer.WritePropertyName("baseValue"u8);
            WriteValues(each.Base);
            writer.WritePropertyName("prediction"u8);
            WriteValues(each.Prediction);
            writer.WriteStartObject("attributions"u8);
            for (var i = 0; i < plan.Features.Length; i++)
            {
                writer.WritePropertyName(plan.Features[i].Feature.Name);
                WriteValues([.. Enumerable.Range(0, output.Width).Select(k => each.Attributions[i, k])]);
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();

        void WriteValues(double[] values)
        {
            if (output.Output.Role != OutputRole.Probabilities)
            {
                WriteNumber(values[0]);
                return;
            }

            writer.WriteStartObject();
            for (var k = 0; k < values.Length; k++)
            {
                writer.WritePropertyName(plan.Classes[k].Name);
                WriteNumber(values[k]);
            }

            writer.WriteEndObject();
        }

        void WriteNumber(double value)
        {
            if (double.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteNullValue();
        }
    }
}
