using System.Text;

namespace AIaaS.Data.Preparation;

/// <summary>How a delimited file is laid out. Quotes are double quotes, doubled inside a field.</summary>
/// <param name="Delimiter">Between the fields.</param>
/// <param name="FirstRow">The fields of the first row of the table: the header, or data.</param>
/// <param name="Columns">Fields of a row; one more than <paramref name="FirstRow"/> has where rows begin with a name (as R writes them).</param>
/// <param name="SkippedLines">Records before the first row that belong to no table, such as a title.</param>
internal sealed record DelimitedDialect(char Delimiter, IReadOnlyList<string> FirstRow, int Columns, int SkippedLines)
{
    private const int HeadLength = 256 * 1024;
    private const int LongestHead = 8 * 1024 * 1024;
    private const int RecordsLooked = 1000;

    private static readonly char[] Delimiters = [',', '\t', ';', '|'];

    /// <summary>
    /// The delimiter that gives the most records the same number of fields, two or more; a header that agrees counts for it.
    /// DuckDB's own detection is not used: it drops leading rows that do not fit and guesses headers from types alone.
    /// </summary>
    public static DelimitedDialect Detect(string path, string name)
    {
        for (int length = HeadLength; ; length *= 4)
        {
            string head = ReadHead(path, length, out bool isWhole);
            Candidate[] candidates = [.. Delimiters.Select(delimiter => Candidate.Of(head, delimiter, isWhole))];
            if (!isWhole && length < LongestHead && candidates.All(candidate => candidate.Records.Count < 3))
                continue;
            Candidate? best = candidates.Where(candidate => candidate.Mode > 1 && candidate.Score > 0.5)
                .OrderByDescending(candidate => Preferred(candidate.Delimiter))
                .MaxBy(candidate => candidate.Score);
            best ??= candidates[0] with { Mode = 1 };
            return Make(best, name);
        }

        bool Preferred(char delimiter) => delimiter == '\t' && Path.GetExtension(name).ToLowerInvariant() is ".tsv" or ".tab";
    }

    private static DelimitedDialect Make(Candidate candidate, string name)
    {
        for (int i = 0; i < candidate.Records.Count; i++)
        {
            List<string> record = candidate.Records[i];
            int fields = record.Count;
            // R's write.csv leaves out the header's cell above the row names.
            bool isBareHeader = i == 0 && candidate.Mode > 2 && fields == candidate.Mode - 1 && candidate.Records.Skip(1).All(other => other.Count != fields);
            if (fields == candidate.Mode || isBareHeader)
                return new(candidate.Delimiter, record, candidate.Mode, candidate.BlankBefore[i] + i);
        }
        throw new DatasetException(DatasetReasons.Malformed, $"{name} has no rows with the same number of fields. Send a file with a header line and one value for each column in every row.");
    }

    private static string ReadHead(string path, int length, out bool isWhole)
    {
        using FileStream stream = File.OpenRead(path);
        isWhole = stream.Length <= length;
        byte[] bytes = new byte[Math.Min(length, stream.Length)];
        stream.ReadExactly(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    private sealed record Candidate(char Delimiter, IReadOnlyList<List<string>> Records, IReadOnlyList<int> BlankBefore, int Mode, double Score)
    {
        public static Candidate Of(string head, char delimiter, bool isWhole)
        {
            var records = new List<List<string>>();
            var blankBefore = new List<int>();
            int blank = 0;
            for (int at = 0; at < head.Length && records.Count < RecordsLooked;)
            {
                DelimitedRecords.Record record = DelimitedRecords.Read(head.AsSpan(at), delimiter);
                at += record.Length;
                if (!record.IsComplete && !isWhole)
                    break;
                if (record.Fields is [""] or [" "])
                {
                    blank++;
                    continue;
                }
                records.Add(record.Fields);
                blankBefore.Add(blank);
            }
            if (records.Count == 0)
                return new(delimiter, records, blankBefore, Mode: 1, Score: 0);
            IGrouping<int, List<string>> mode = records.GroupBy(record => record.Count)
                .OrderByDescending(group => group.Count()).ThenByDescending(group => group.Key).First();
            double score = (double)mode.Count() / records.Count + (records[0].Count == mode.Key ? 0.5 : 0);
            return new(delimiter, records, blankBefore, mode.Key, score);
        }
    }
}
