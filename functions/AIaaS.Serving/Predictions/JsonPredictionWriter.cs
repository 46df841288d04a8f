using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Serving.Predictions;

/// <summary>Writes the answer of a prediction.</summary>
internal static class JsonPredictionWriter
{
    private static readonly JsonEncodedText RequestId = JsonEncodedText.Encode("requestId");
    private static readonly JsonEncodedText Model = JsonEncodedText.Encode("model");
    private static readonly JsonEncodedText Name = JsonEncodedText.Encode("name");
    private static readonly JsonEncodedText Version = JsonEncodedText.Encode("version");
    private static readonly JsonEncodedText Predictions = JsonEncodedText.Encode("predictions");
    private static readonly JsonEncodedText Label = JsonEncodedText.Encode("label");
    private static readonly JsonEncodedText Probabilities = JsonEncodedText.Encode("probabilities");
    private static readonly JsonEncodedText Value = JsonEncodedText.Encode("value");
    private static readonly JsonEncodedText Interval = JsonEncodedText.Encode("interval");
    private static readonly JsonEncodedText Lower = JsonEncodedText.Encode("lower");
    private static readonly JsonEncodedText Upper = JsonEncodedText.Encode("upper");
    private static readonly JsonEncodedText Items = JsonEncodedText.Encode("items");
    private static readonly JsonEncodedText Item = JsonEncodedText.Encode("item");
    private static readonly JsonEncodedText Score = JsonEncodedText.Encode("score");
    private static readonly JsonEncodedText Cluster = JsonEncodedText.Encode("cluster");
    private static readonly JsonEncodedText AnomalyScore = JsonEncodedText.Encode("anomalyScore");
    private static readonly JsonEncodedText Anomaly = JsonEncodedText.Encode("anomaly");

    public static void Write(Utf8JsonWriter writer, in PredictionContext context, PredictionPlan plan, OutputColumn[] outputs, int first, int rows)
    {
        writer.WriteStartObject();
        writer.WriteString(RequestId, context.RequestId);
        writer.WriteStartObject(Model);
        writer.WriteString(Name, context.ModelName);
        writer.WriteNumber(Version, context.ModelVersion);
        writer.WriteEndObject();
        writer.WriteStartArray(Predictions);
        for (var row = first; row < first + rows; row++)
        {
            writer.WriteStartObject();
            foreach (var output in outputs)
                WriteOutput(writer, output, outputs, row, plan);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.Flush();
    }

    private static void WriteOutput(Utf8JsonWriter writer, OutputColumn output, OutputColumn[] outputs, int row, PredictionPlan plan)
    {
        var width = output.Plan.Width;
        switch (output.Plan.Output.Role)
        {
            case OutputRole.Label:
                writer.WritePropertyName(Label);
                output.WriteLabel(writer, row, plan);
                break;
            case OutputRole.Probabilities:
                writer.WriteStartObject(Probabilities);
                for (var i = 0; i < width; i++)
                {
                    writer.WritePropertyName(plan.Classes[i].Name);
                    output.WriteElement(writer, (row * width) + i);
                }

                writer.WriteEndObject();
                break;
            case OutputRole.Value:
                writer.WritePropertyName(Value);
                output.WriteElement(writer, row);
                break;
            case OutputRole.Lower:
                writer.WriteStartObject(Interval);
                writer.WritePropertyName(Lower);
                output.WriteElement(writer, row);
                writer.WritePropertyName(Upper);
                Find(outputs, OutputRole.Upper)!.WriteElement(writer, row);
                writer.WriteEndObject();
                break;
            case OutputRole.Items:
                WriteItems(writer, output, Find(outputs, OutputRole.Scores), row * width, width);
                break;
            case OutputRole.Cluster:
                writer.WritePropertyName(Cluster);
                output.WriteElement(writer, row);
                break;
            case OutputRole.AnomalyScore:
                writer.WritePropertyName(AnomalyScore);
                output.WriteElement(writer, row);
                break;
            case OutputRole.Anomaly:
                writer.WritePropertyName(Anomaly);
                output.WriteElement(writer, row);
                break;
            case OutputRole.Upper or OutputRole.Scores:
                // Written with what they belong to.
                break;
            case OutputRole.Other:
                writer.WritePropertyName(output.Plan.Name);
                if (width == 1)
                    output.WriteElement(writer, row);
                else
                    WriteNested(writer, output, row * width, width, output.Plan.Tail);
                break;
        }
    }

    private static void WriteItems(Utf8JsonWriter writer, OutputColumn items, OutputColumn? scores, int start, int count)
    {
        writer.WriteStartArray(Items);
        for (var i = start; i < start + count; i++)
        {
            writer.WriteStartObject();
            writer.WritePropertyName(Item);
            items.WriteElement(writer, i);
            if (scores is not null)
            {
                writer.WritePropertyName(Score);
                scores.WriteElement(writer, i);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static OutputColumn? Find(OutputColumn[] outputs, OutputRole role)
    {
        foreach (var output in outputs)
        {
            if (output.Plan.Output.Role == role)
                return output;
        }

        return null;
    }

    private static void WriteNested(Utf8JsonWriter writer, OutputColumn output, int start, int length, ReadOnlySpan<long> shape)
    {
        if (shape.IsEmpty)
        {
            output.WriteElement(writer, start);
            return;
        }

        writer.WriteStartArray();
        var count = (int)shape[0];
        for (var i = 0; i < count; i++)
            WriteNested(writer, output, start + (i * (length / count)), length / count, shape[1..]);
        writer.WriteEndArray();
    }
}
