using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Serving.Predictions;

/// <summary>Reads a request's rows, however they are written.</summary>
/// <remarks>What is not JSON becomes JSON first, so that there is one set of rules for values, and one place for refusals.</remarks>
internal static class RowReader
{
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <exception cref="PredictionRequestException">The body has to be changed.</exception>
    public static void Read(in ReadOnlySequence<byte> body, PredictionPlan plan, RowBuffer rows, in PredictionContext context)
    {
        if (context.Format == RowFormat.Json)
        {
            JsonRowReader.Read(body, plan, rows, context);
            return;
        }

        var rented = ArrayPool<byte>.Shared.Rent(checked((int)body.Length));
        try
        {
            body.CopyTo(rented);
            var bytes = rented.AsSpan(0, (int)body.Length);
            var json = new ArrayBufferWriter<byte>(bytes.Length + (bytes.Length / 2) + 256);
            using (var writer = new Utf8JsonWriter(json, WriterOptions))
                Write(writer, bytes, plan, context);
            JsonRowReader.Read(new(json.WrittenMemory), plan, rows, context);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> body, PredictionPlan plan, in PredictionContext context)
    {
        switch (context.Format)
        {
            case RowFormat.Csv:
                CsvTranscoder.Write(writer, body, plan, context.MaxRows);
                break;
            case RowFormat.Text:
                if (!System.Text.Unicode.Utf8.IsValid(body))
                    throw new PredictionRequestException(PredictionError.MalformedRequest, "The text is not valid UTF-8.");
                BeginOneValue(writer, OnlyFeature(plan, "text", f => f.Kind == ColumnKind.Text, f => f.Type == TensorType.String));
                writer.WriteStringValue(body.StartsWith(Encoding.UTF8.Preamble) ? body[3..] : body);
                EndOneValue(writer);
                break;
            case RowFormat.Image:
                BeginOneValue(writer, OnlyFeature(plan, "image", f => f.Kind == ColumnKind.Image, _ => false));
                writer.WriteBase64StringValue(body);
                EndOneValue(writer);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(context), context.Format, null);
        }
    }

    private static void BeginOneValue(Utf8JsonWriter writer, ModelFeature feature)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("rows"u8);
        writer.WriteStartObject();
        writer.WritePropertyName(feature.Name);
    }

    private static void EndOneValue(Utf8JsonWriter writer)
    {
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static ModelFeature OnlyFeature(PredictionPlan plan, string what, Func<ModelFeature, bool> best, Func<ModelFeature, bool> possible)
    {
        var features = plan.Signature.Inputs;
        var fitting = features.Where(best).ToArray();
        if (fitting.Length == 0)
            fitting = [.. features.Where(possible)];
        return fitting is [var only]
            ? only
            : throw new PredictionRequestException(
                PredictionError.WrongForm,
                $"The model has {(fitting.Length == 0 ? "no" : "more than one")} feature that a body of {what} could be the value of. Send rows as JSON with 'Content-Type: application/json'.");
    }
}
