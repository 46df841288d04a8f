using System.Globalization;
using System.Text.Json;
using AIaaS.Data.Exchange;
using AIaaS.Formats;

namespace AIaaS.Platform.Predictions.Batches;

/// <summary>Predictions without nesting, as tables have them: <c>probabilities.Adelie</c> and so on are columns of their own.</summary>
internal static class FlatPredictions
{
    /// <param name="from">JSON Lines of predictions.</param>
    /// <param name="to">JSON Lines of flat objects.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The columns, in the order in which they first come, with types that hold all their values.</returns>
    public static async Task<IReadOnlyList<ExchangeColumn>> WriteAsync(string from, string to, CancellationToken cancellationToken)
    {
        // There also where no row has a prediction.
        var types = new Dictionary<string, string>(StringComparer.Ordinal) { ["row"] = "BIGINT" };
        var order = new List<string> { "row" };
        var columns = new Dictionary<string, string>(StringComparer.Ordinal) { ["row"] = "row" };
        // A table's readers, our own among them, take names that differ in case alone for one.
        var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "row" };
        await using var output = File.Create(to);
        await foreach (var line in File.ReadLinesAsync(from, cancellationToken))
        {
            using (var document = JsonDocument.Parse(line))
            {
                await using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = JsonDefaults.Options.Encoder });
                writer.WriteStartObject();
                foreach (var member in document.RootElement.EnumerateObject())
                {
                    Write(writer, member.Name, member.Value);
                }

                writer.WriteEndObject();
            }

            output.WriteByte((byte)'\n');
        }

        return [.. order.Select(name => new ExchangeColumn(name, types[name]))];

        void Write(Utf8JsonWriter writer, string name, JsonElement value)
        {
            if (value.ValueKind is JsonValueKind.Object)
            {
                foreach (var member in value.EnumerateObject())
                {
                    Write(writer, $"{name}.{member.Name}", member.Value);
                }

                return;
            }

            var column = ColumnOf(name);
            if (TypeOf(value) is { } type)
            {
                if (types.TryAdd(column, type))
                {
                    order.Add(column);
                }
                else
                {
                    types[column] = Wider(types[column], type);
                }
            }

            writer.WritePropertyName(column);
            value.WriteTo(writer);
        }

        string ColumnOf(string name)
        {
            if (columns.TryGetValue(name, out var known))
            {
                return known;
            }

            var column = name;
            for (var suffix = 2; !taken.Add(column); suffix++)
            {
                column = string.Create(CultureInfo.InvariantCulture, $"{name}_{suffix}");
            }

            columns.Add(name, column);
            return column;
        }
    }

    private static string? TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.TryGetInt64(out _) ? "BIGINT" : "DOUBLE",
        JsonValueKind.True or JsonValueKind.False => "BOOLEAN",
        JsonValueKind.String => "VARCHAR",
        JsonValueKind.Null => null,
        _ => "JSON",
    };

    private static string Wider(string known, string next)
        => known == next ? known : (known, next) is ("BIGINT" or "DOUBLE", "BIGINT" or "DOUBLE") ? "DOUBLE" : "VARCHAR";
}
