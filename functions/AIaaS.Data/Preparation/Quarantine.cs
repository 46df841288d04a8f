using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Writes rejected rows and counts them by reason.</summary>
internal sealed class Quarantine(Stream output) : IDisposable
{
    private static readonly JsonSerializerOptions Lines = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly SortedDictionary<string, long> _reasons = new(StringComparer.Ordinal);

    public long Count { get; private set; }

    /// <summary>Hides what must not be kept, for as long as rows come as they stood in their files; null once they are masked.</summary>
    public Func<QuarantinedRow, QuarantinedRow>? Mask { get; set; }

    public IReadOnlyList<ValueCount> Reasons =>
        [.. _reasons.OrderByDescending(pair => pair.Value).Select(pair => new ValueCount(pair.Key, pair.Value))];

    public void Add(QuarantinedRow row)
    {
        JsonSerializer.Serialize(output, Mask?.Invoke(row) ?? row, Lines);
        output.WriteByte((byte)'\n');
        _reasons[row.Reason] = _reasons.GetValueOrDefault(row.Reason) + 1;
        Count++;
    }

    public void Dispose() => output.Dispose();
}
