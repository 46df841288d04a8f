using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;

namespace AIaaS.Learning.Training;

/// <summary>Writes <c>background.json</c>.</summary>
internal static class BackgroundWriter
{
    private const long Stream = 0x6261636B;

    /// <param name="table">Training rows.</param>
    /// <param name="seed">Decides which of them.</param>
    public static byte[] Write(FeatureTable table, long seed)
    {
        var rows = new CounterGenerator(seed, Stream).Permutation(table.Rows).Take(BackgroundSample.MostRows).ToArray();
        using var content = new MemoryStream();
        using (var writer = new Utf8JsonWriter(content))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("columns");
            foreach (var column in table.Columns)
                writer.WriteStringValue(column.Name);
            writer.WriteEndArray();
            writer.WriteStartArray("rows");
            foreach (var row in rows)
            {
                writer.WriteStartArray();
                foreach (var column in table.Columns)
                    WriteValue(writer, column, row);
                writer.WriteEndArray();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return content.ToArray();
    }

    private static void WriteValue(Utf8JsonWriter writer, FeatureColumn column, int row)
    {
        switch (column)
        {
            case TextColumn { Values: var texts }:
                writer.WriteStringValue(texts[row].Length > 0 ? texts[row] : null);
                break;
            case NumberColumn { Values: var numbers } when !float.IsFinite(numbers[row]):
                writer.WriteNullValue();
                break;
            case NumberColumn { Kind: ColumnKind.Boolean, Values: var numbers }:
                writer.WriteBooleanValue(numbers[row] != 0);
                break;
            case NumberColumn { Kind: ColumnKind.Datetime, Values: var numbers }:
                writer.WriteStringValue(DateTime.UnixEpoch.AddSeconds(numbers[row]).ToString("O", CultureInfo.InvariantCulture));
                break;
            case NumberColumn { Values: var numbers }:
                writer.WriteNumberValue(numbers[row]);
                break;
        }
    }
}
