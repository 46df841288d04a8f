using System.IO.Compression;
using System.Text;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

public sealed class BadInputTests : PreparationTest
{
    [Theory]
    [InlineData("")]
    [InlineData(" \n\r\n\t\n")]
    [InlineData("\uFEFF")]
    public void An_empty_file_is_refused(string text) =>
        Assert.Equal(DatasetReasons.Empty, Refused(Folder.Write("a.csv", text)).Reason);

    [Theory]
    [InlineData("a,b,c")]
    [InlineData("a,b,c\n")]
    [InlineData("a,b,c\n\n\n")]
    public void A_header_without_rows_is_refused(string text) =>
        Assert.Equal(DatasetReasons.NoRows, Refused(Folder.Write("a.csv", text)).Reason);

    [Fact]
    public void A_picture_is_refused_by_what_it_is()
    {
        DatasetException exception = Refused(Folder.Write("a.csv", [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10, 0, 0, 0, 13]));
        Assert.Equal(DatasetReasons.UnsupportedFormat, exception.Reason);
        Assert.Contains("PNG", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_web_page_that_came_in_place_of_a_file_is_refused() =>
        Assert.Contains("web page", Refused(Folder.Write("a.csv", "\n<!doctype HTML>\n<html><body>Not found</body></html>\n")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_workbook_is_refused()
    {
        using (var archive = new ZipArchive(File.Create(Folder["a.csv"]), ZipArchiveMode.Create))
            archive.CreateEntry("xl/workbook.xml");
        Assert.Equal(DatasetReasons.UnsupportedFormat, Refused(Folder["a.csv"]).Reason);
    }

    [Fact]
    public void Random_bytes_are_refused_whatever_they_are()
    {
        var random = new Random(1);
        for (int i = 0; i < 200; i++)
        {
            byte[] bytes = new byte[random.Next(300, 5000)];
            random.NextBytes(bytes);
            Assert.Equal(DatasetReasons.Binary, Refused(Folder.Write("a.csv", bytes)).Reason);
        }
    }

    [Fact]
    public void A_file_that_is_not_there_is_unreadable() =>
        Assert.Equal(DatasetReasons.Unreadable, Refused(Folder["nothing.csv"]).Reason);

    [Fact]
    public void No_files_at_all_are_refused() =>
        Assert.Equal(DatasetReasons.Empty, Assert.Throws<DatasetException>(() => Prepare()).Reason);

    [Fact]
    public void A_gzip_file_that_was_cut_off_is_refused_and_not_read_as_a_shorter_table()
    {
        using var memory = new MemoryStream();
        using (var zip = new GZipStream(memory, CompressionMode.Compress, leaveOpen: true))
        using (var writer = new StreamWriter(zip))
        {
            writer.WriteLine("x,target");
            for (var i = 0; i < 200; i++)
                writer.WriteLine($"{i * 7919 % 1000},{(i % 2 == 0 ? "a" : "b")}");
        }

        Assert.Equal(DatasetReasons.Malformed, Refused(Folder.Write("a.csv.gz", memory.ToArray()[..^30])).Reason);
    }

    [Fact]
    public void A_damaged_gzip_file_is_refused()
    {
        using var memory = new MemoryStream();
        using (var zip = new GZipStream(memory, CompressionMode.Compress, leaveOpen: true))
            zip.Write(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 1000).Select(i => $"{i},{i * i}\n"))));
        byte[] bytes = memory.ToArray();
        bytes[bytes.Length / 2] ^= 0x55;
        Assert.Equal(DatasetReasons.Malformed, Refused(Folder.Write("a.csv.gz", bytes)).Reason);
    }

    [Fact]
    public void A_compressed_file_may_not_grow_beyond_the_bound()
    {
        using (var zip = new GZipStream(File.Create(Folder["a.csv.gz"]), CompressionLevel.Optimal))
            zip.Write(new byte[5_000_000]);
        var preparation = new DatasetPreparation(new PreparationOptions { MaximumSourceBytes = 1_000_000 });
        DatasetException exception = Assert.Throws<DatasetException>(() => preparation.Prepare([new(Folder["a.csv.gz"])], new PrepareParameters(), Output));
        Assert.Equal(DatasetReasons.TooLarge, exception.Reason);
    }

    [Theory]
    [InlineData("a.json", "{\"a\": [1, 2")]
    [InlineData("a.json", "[1, 2, 3]")]
    [InlineData("a.jsonl", "no\njson\n")]
    [InlineData("a.parquet", "PAR1 is not enough")]
    [InlineData("b.parquet", "a,b\n1,2\n")]
    public void A_malformed_document_is_refused(string name, string text) =>
        Assert.Equal(DatasetReasons.Malformed, Refused(Folder.Write(name, text)).Reason);

    [Fact]
    public void Rows_of_which_none_fits_are_refused_with_the_most_frequent_reason()
    {
        DatasetException exception = Refused(Folder.Write("a.csv", "a,b,c\n\"x\"1,2,3\n\"y\"2,2,3\n"));
        Assert.Equal(DatasetReasons.NoRows, exception.Reason);
        Assert.Contains("bad-quotes", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_file_leaves_nothing_behind()
    {
        Refused(Folder.Write("a.csv", "a,b\n"));
        Assert.False(Directory.Exists(Output));
    }

    [Fact]
    public void A_cancelled_preparation_leaves_nothing_behind()
    {
        using var source = new CancellationTokenSource();
        string path = Folder.Write("a.csv", "a,b\n" + string.Concat(Enumerable.Range(0, 1000).Select(i => $"{i},{i % 7}\n")));
        string temp = Directory.CreateDirectory(Folder["temp"]).FullName;
        var preparation = new DatasetPreparation(new PreparationOptions { TempFolder = temp });
        var progress = new CallbackProgress(value =>
        {
            if (value.Stage == "profile")
                source.Cancel();
        });

        Assert.ThrowsAny<OperationCanceledException>(() => preparation.Prepare([new(path)], new PrepareParameters(), Output, baseline: null, progress, source.Token));

        Assert.False(Directory.Exists(Output));
        Assert.Empty(Directory.EnumerateFileSystemEntries(temp));
    }

    [Fact]
    public void What_fits_neither_memory_nor_disk_has_no_room_and_leaves_nothing_behind()
    {
        string path = Folder.Write("a.csv", "a,b\n" + string.Concat(Enumerable.Range(0, 1000).Select(i => $"{i},{i % 7}\n")));
        string temp = Directory.CreateDirectory(Folder["temp"]).FullName;
        var preparation = new DatasetPreparation(new PreparationOptions { TempFolder = temp, MemoryLimit = 4 * 1024 * 1024, MaximumTempBytes = 1024 * 1024 });

        DatasetException exception = Assert.Throws<DatasetException>(() => preparation.Prepare([new(path)], new PrepareParameters(), Output));

        Assert.Equal(DatasetReasons.NoRoom, exception.Reason);
        Assert.False(Directory.Exists(Output));
        Assert.Empty(Directory.EnumerateFileSystemEntries(temp));
    }

    [Fact]
    public void Data_larger_than_memory_is_prepared_and_its_progress_never_goes_back()
    {
        string path = Folder.Write("a.csv", "a,b,c\n" + string.Concat(Enumerable.Range(0, 600_000).Select(i => $"{i},{i * 7919L % 1000003},some text that takes {i} room\n")));
        var percents = new List<double>();
        var preparation = new DatasetPreparation(new PreparationOptions { MemoryLimit = 96 * 1024 * 1024, Threads = 1 });

        PreparationResult result = preparation.Prepare([new(path)], new PrepareParameters(), Output, progress: new CallbackProgress(value => percents.Add(value.Percent)));

        Assert.Equal(600_000, result.Profile.Rows);
        Assert.Equal(percents.Order(), percents);
        Assert.Equal(100, percents[^1]);
        Assert.Equal("some text that takes 599999 room", Texts("c")[^1]);
    }

    private sealed class CallbackProgress(Action<PreparationProgress> report) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) => report(value);
    }
}
