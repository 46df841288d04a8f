using System.IO.Compression;
using System.Text;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

public sealed class ZipFileTests : PreparationTest
{
    [Fact]
    public void Images_in_class_folders_become_rows_with_bytes_size_and_label()
    {
        PreparationResult result = Prepare(Images.Zip(Folder["pets.zip"],
            ("cat/b.png", Images.Png(20, 10)), ("dog/a.jpg", Images.Jpeg(300, 200)), ("cat/a.jpg", Images.Jpeg(4, 5)), ("cat/", []), (".DS_Store", [1]), ("__MACOSX/cat/b.png", [1])));

        Assert.Equal(
            ["image Image BLOB", "file Category VARCHAR", "width Integer BIGINT", "height Integer BIGINT", "label Category VARCHAR"],
            result.Schema.Columns.Select(column => $"{column.Name} {column.Kind} {column.Type}"));
        Assert.Equal(["cat/a.jpg", "cat/b.png", "dog/a.jpg"], Texts("file"));
        Assert.Equal(["cat", "cat", "dog"], Texts("label"));
        Assert.Equal([4f, 20f, 300f], Numbers("width"));
        Assert.Equal([5f, 10f, 200f], Numbers("height"));
        using PreparedDataset data = PreparedDataset.Open(Output);
        Assert.Equal([Images.Jpeg(4, 5), Images.Png(20, 10), Images.Jpeg(300, 200)], data.ReadImages("image"));
        Assert.Empty(Quarantined());
    }

    [Fact]
    public void A_labels_file_names_the_classes_by_path_or_name()
    {
        PreparationResult result = Prepare(Images.Zip(Folder["pets.zip"],
            ("all/1.png", Images.Png(2, 2)), ("all/2.png", Images.Png(2, 3)), ("all/3.png", Images.Png(2, 4)),
            ("labels.csv", "File,label,note\n1.png,cat,x\nall/2.png,\"dog, big\",y\n9.png,cat,z\n"u8.ToArray())));
        Assert.Equal(["cat", "dog, big", ""], Texts("label"));
        Assert.Contains(result.Quality.Findings, finding => finding.Detail.Contains("1 of 3 images have no label", StringComparison.Ordinal));
        Assert.Contains(result.Quality.Findings, finding => finding.Detail.Contains("1 rows of labels.csv name no image", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_no_usable_image_is_quarantined_with_its_reason()
    {
        string path = Folder["pets.zip"];
        byte[] nested = File.ReadAllBytes(Images.Zip(Folder["inner.zip"], ("x.png", Images.Png(1, 1))));
        using (var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create))
        {
            Add("a/good.png", Images.Png(3, 3));
            Add("a/text.jpg", Encoding.UTF8.GetBytes("no image"));
            Add("a/cut.png", Images.Png(30, 30)[..^20]);
            Add("a/cut.jpg", Images.Jpeg(30, 30)[..^4]);
            Add("a/huge.png", Images.Png(100_000, 100_000));
            Add("a/empty.png", Images.Png(0, 3));
            Add("a/nested.png", nested);
            Add("../escape.png", Images.Png(3, 3));
            Add("/absolute.png", Images.Png(3, 3));
            Add("c:\\drive.png", Images.Png(3, 3));
            Add("a/good.png", Images.Png(4, 4));
            Add("a/link.png", Encoding.UTF8.GetBytes("/etc/passwd")).ExternalAttributes = unchecked((int)0xA1FF0000);

            ZipArchiveEntry Add(string name, byte[] content)
            {
                ZipArchiveEntry entry = archive.CreateEntry(name);
                if (name == "a/link.png")
                    entry.ExternalAttributes = unchecked((int)0xA1FF0000);
                using Stream stream = entry.Open();
                stream.Write(content);
                return entry;
            }
        }

        PreparationResult result = Prepare(path);

        Assert.Equal(1, result.Profile.Rows);
        Assert.Equal(
            [
                "../escape.png unsafe-path", "/absolute.png unsafe-path", "a/cut.jpg damaged-image", "a/cut.png damaged-image", "a/empty.png damaged-image",
                "a/good.png repeated-name", "a/huge.png image-too-large", "a/link.png symbolic-link", "a/nested.png nested-archive", "a/text.jpg not-an-image", "c:/drive.png unsafe-path",
            ],
            Quarantined().Select(row => $"{row.File["pets.zip/".Length..]} {row.Reason}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_archive_may_not_grow_beyond_the_bound()
    {
        Images.Zip(Folder["a.zip"], [.. Enumerable.Range(0, 20).Select(i => ($"a/{i}.png", (byte[])[.. Images.Png(3, 3), .. new byte[100_000]]))]);
        var preparation = new DatasetPreparation(new PreparationOptions { MaximumSourceBytes = 1_000_000 });
        Assert.Equal(DatasetReasons.TooLarge,
            Assert.Throws<DatasetException>(() => preparation.Prepare([new(Folder["a.zip"])], new PrepareParameters(), Output)).Reason);
        Images.Zip(Folder["b.zip"], ("a.csv", new byte[2_000_000]));
        Assert.Equal(DatasetReasons.TooLarge,
            Assert.Throws<DatasetException>(() => preparation.Prepare([new(Folder["b.zip"])], new PrepareParameters(), Output)).Reason);
    }

    [Fact]
    public void Tables_in_an_archive_are_sources()
    {
        PreparationResult result = Prepare(Images.Zip(Folder["tables.zip"],
            ("b.jsonl", "{\"a\":3,\"b\":\"z\"}\n{\"a\":4,\"b\":\"w\"}\n"u8.ToArray()), ("a.csv", "a,b\n1,x\n2,y\nbad\n"u8.ToArray()), ("readme.md", "hello"u8.ToArray())));
        Assert.Equal([1f, 2f, 3f, 4f], Numbers("a"));
        Assert.Equal("tables.zip/a.csv", Assert.Single(Quarantined()).File);
        Assert.Contains(result.Quality.Findings, finding => finding.Detail.Contains("readme.md", StringComparison.Ordinal));
    }

    [Fact]
    public void Archives_of_nothing_usable_are_refused()
    {
        Assert.Equal(DatasetReasons.UnsupportedFormat, Refused(Images.Zip(Folder["a.zip"], ("readme.md", [1]))).Reason);
        Assert.Equal(DatasetReasons.UnsupportedFormat, Refused(Images.Zip(Folder["b.zip"])).Reason);
        Assert.Equal(DatasetReasons.UnsupportedFormat, Refused(Images.Zip(Folder["c.zip"], ("a.csv", File.ReadAllBytes(Folder["a.zip"])))).Reason);
        Assert.Equal(DatasetReasons.NoRows, Refused(Images.Zip(Folder["d.zip"], ("a/x.png", [1, 2, 3]))).Reason);
        byte[] whole = File.ReadAllBytes(Images.Zip(Folder["e.zip"], ("a/x.png", Images.Png(3, 3))));
        Assert.Equal(DatasetReasons.Malformed, Refused(Folder.Write("f.zip", whole[..^30])).Reason);
    }

    [Fact]
    public void An_image_data_set_can_be_prepared_again()
    {
        Prepare(Images.Zip(Folder["pets.zip"], ("cat/b.png", Images.Png(20, 10)), ("dog/a.jpg", Images.Jpeg(300, 200))));
        File.Copy(Path.Combine(Output, PreparedDataset.DataFileName), Folder["again.parquet"]);
        PreparationResult result = Prepare(Folder["again.parquet"]);
        Assert.Equal(ColumnKind.Image, result.Schema.Columns[0].Kind);
        Assert.Equal(["cat", "dog"], Texts("label"));
    }

    [Fact]
    public void A_version_of_images_is_compared_with_the_one_before()
    {
        (string, byte[])[] images = [.. Enumerable.Range(0, 60).Select(i => ($"{(i % 2 == 0 ? "cat" : "dog")}/{i}.png", Images.Png(4 + i % 3, 4, (byte)i)))];
        Prepare(Images.Zip(Folder["1.zip"], images));
        Directory.Move(Output, Folder["before"]);
        var baseline = new PreparationBaseline(1, Folder["before/data.parquet"], Folder["before/schema.json"], Folder["before/profile.json"]);

        PreparationResult result = new DatasetPreparation().Prepare([new(Images.Zip(Folder["2.zip"], images[..50]))], new PrepareParameters(), Output, baseline);

        Assert.Equal(1, result.Quality.BaselineVersion);
        Assert.Equal(["file", "height", "label", "width"], result.Quality.Drift.Select(column => column.Column).Order(StringComparer.Ordinal));
        Assert.Equal(50, result.Splits!.HoldoutRows + result.Splits.FoldRows.Sum());
    }
}
