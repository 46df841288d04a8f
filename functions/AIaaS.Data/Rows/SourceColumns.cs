using System.Text.Json;
using AIaaS.Data.Preparation;
using DatasetSource = AIaaS.Data.Preparation.DatasetSource;

namespace AIaaS.Data.Rows;

/// <summary>The columns of a source as its own file has them, so that single rows of it can be written out again.</summary>
public sealed class SourceColumns
{
    private readonly char? _delimiter;

    private SourceColumns(IReadOnlyList<string> names, char? delimiter) => (Names, _delimiter) = (names, delimiter);

    public IReadOnlyList<string> Names { get; }

    /// <summary>Reads the beginning of a source.</summary>
    /// <param name="path">A local file with the beginning of the source; the last line may be cut.</param>
    /// <param name="name">The source's name, for messages and its extension.</param>
    /// <param name="known">Columns of the data set: a first row that holds none of them is no header.</param>
    /// <param name="workFolder">For decompressed and transcoded copies.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="DatasetException">The file is no table.</exception>
    public static SourceColumns Read(string path, string name, IReadOnlyCollection<string> known, string workFolder, CancellationToken cancellationToken)
    {
        const long longest = 1L << 30;
        InspectedSource source = new SourceInspector(workFolder, longest).Inspect(new DatasetSource(path, name), cancellationToken);
        if (source.Kind != SourceKind.Delimited)
            return new([.. known], delimiter: null);
        DelimitedDialect dialect = DelimitedDialect.Detect(source.Path, name);
        string[] names = HeaderRow.Names(dialect.FirstRow, dialect.Columns, []);
        return new(names.Any(known.Contains) ? names : HeaderRow.Names(null, dialect.Columns, []), dialect.Delimiter);
    }

    /// <summary>The fields of a row that was put aside, in the order of <see cref="Names"/>: as many as it has, right or wrong.</summary>
    /// <param name="raw">The row as quarantine keeps it: a line of the file, or a JSON object.</param>
    public IReadOnlyList<string> Fields(string raw)
    {
        if (raw.AsSpan().TrimStart().StartsWith("{") && ReadObject(raw) is { } values)
            return [.. Names.Select(name => values.GetValueOrDefault(name, ""))];
        return _delimiter is { } delimiter ? DelimitedRecords.Read(raw, delimiter).Fields : [raw];
    }

    private static Dictionary<string, string>? ReadObject(string raw)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(raw);
            var values = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
                values[member.Name] = member.Value.ValueKind is JsonValueKind.Null ? "" : member.Value.ToString();
            return values;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
