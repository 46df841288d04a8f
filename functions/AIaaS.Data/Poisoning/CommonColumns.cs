using System.Globalization;
using System.Text.Json;
using AIaaS.Data.Anomalies;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Poisoning;

/// <summary>A column that the version before and the new one both have.</summary>
/// <param name="Index">Its number in the new table.</param>
/// <param name="Name">Its name in the version before.</param>
/// <param name="Type">The type that both can be read as.</param>
/// <param name="SameType">Whether both are stored alike.</param>
/// <param name="Kinds">What it means in the version before, and in the new one.</param>
internal sealed record CommonColumn(int Index, string Name, string Type, bool SameType, (ColumnKind Before, ColumnKind Now) Kinds)
{
    public bool IsFeature => !Has(ColumnKind.Identifier) && !Has(ColumnKind.Json) && !Has(ColumnKind.Image) && !Has(ColumnKind.Datetime) && Kinds is not (ColumnKind.Constant, ColumnKind.Constant);

    public bool IsProse => Has(ColumnKind.Text);

    private bool Has(ColumnKind kind) => Kinds.Before == kind || Kinds.Now == kind;

    /// <exception cref="DatasetException">The schema of the version before cannot be read.</exception>
    public static IReadOnlyList<CommonColumn> Of(PreparationBaseline baseline, PreparedTable table, DataProfile profile)
    {
        DataSchema before;
        try
        {
            before = JsonSerializer.Deserialize<DataSchema>(File.ReadAllBytes(baseline.SchemaPath), JsonDefaults.Options)!;
        }
        catch (Exception exception) when (exception is JsonException or IOException)
        {
            throw new DatasetException(DatasetReasons.Unreadable, $"{DataSchema.FileName} of version {baseline.Version} cannot be read: {exception.Message}");
        }
        var byName = before.Columns.ToDictionary(column => column.Name, StringComparer.OrdinalIgnoreCase);
        var common = new List<CommonColumn>();
        for (int i = 0; i < table.Columns.Count; i++)
        {
            if (byName.TryGetValue(table.Columns[i].Name, out DataColumn? column) && TypeOf(column.Type) == TypeOf(table.Columns[i].Type))
                common.Add(new(i, column.Name, TypeOf(column.Type), column.Type == table.Columns[i].Type, (column.Kind, profile.Columns[i].Kind)));
        }
        return common;
    }

    /// <summary>The column in SQL, of the same type in either version.</summary>
    public string Sql(bool before)
    {
        string column = before ? DuckDb.Sql.Identifier(Name) : string.Create(CultureInfo.InvariantCulture, $"c{Index}");
        return SameType ? column : $"{column}::{Type}";
    }

    private static string TypeOf(string type) => type switch
    {
        "BIGINT" => "DOUBLE",
        "DATE" => "TIMESTAMP",
        _ => type,
    };
}
