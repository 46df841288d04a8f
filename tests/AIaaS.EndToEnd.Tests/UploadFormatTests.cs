using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AIaaS.EndToEnd.Tests;

/// <summary>Uploads that are no plain text.</summary>
[Collection(HostCollection.Name)]
public sealed class UploadFormatTests(HostFixture host)
{
    private static readonly byte[] Pixel = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==");

    /// <summary><c>zstd -19 --check</c> of a table with the columns n and kind: 0,even to 199,odd.</summary>
    private const string CompressedTable =
        "KLUv/QRoRQkAxpo0ErBXcwBEY/MwAERERIQ4MgduBDgALgAoAIVXVkVTckUl4ZEV0ZBMQTl4YzU0I09MCp5YCY3IEpLjbTXN8nHiWdFIAwED4BYEBwEgGigMCIBC//3vfz9uHDeOG8eN48aZeGmVNClnZCIeWiENyhiYh3dWR3PyxaXhmZXRmGxhGbeuW9et69Z1a7o0XZouTZemS8+d585z57nz3FmuLFeWK8uV5crf/wYNBAyAzJvnzfPmefO8OV4cL44Xx4vjxe/ed++799377m3Xtmvbte3adu0KgMWoEfC8vv8G4KUxEBofQSISiUQSkSQkkUgkEklEEpFEIhUmLskSlUSJSSSJSILEoyvBjr8neH8C/0fw9wTvT+D/CP6e4L2UlSEjndXVFQth7yp2o313";

    [Fact]
    public async Task A_zip_of_images_in_class_folders_is_a_table_of_labelled_images()
    {
        var name = await AddAsync("folders", "application/zip", Zip(("cats/1.png", Pixel), ("cats/2.png", Pixel), ("dogs/1.png", Pixel), ("dogs/notes.txt", "no image"u8.ToArray())));

        var profile = (await host.Admin.GetAsync($"/api/v1/datasets/{name}/profile")).GetProperty("columns");
        Assert.Equal(["image:image", "file:category", "width:constant", "height:constant", "label:category"], profile.EnumerateArray().Select(column => $"{column.GetProperty("name")}:{column.GetProperty("kind")}"));
        Assert.Equal("""[{"value":"cats","count":2},{"value":"dogs","count":1}]""", JsonSerializer.Serialize(profile[4].GetProperty("topValues")));
        var rows = (await host.Admin.GetAsync($"/api/v1/datasets/{name}/rows")).GetProperty("items");
        Assert.Equal($$"""{"image":"{{Pixel.Length}} bytes","file":"cats/1.png","width":1,"height":1,"label":"cats"}""", JsonSerializer.Serialize(rows[0]));
        var aside = (await host.Admin.GetAsync($"/api/v1/datasets/{name}/quarantine")).GetProperty("items");
        Assert.Equal(("data.zip/dogs/notes.txt", "not-an-image"), (aside[0].GetProperty("file").GetString(), aside[0].GetProperty("reason").GetString()));
    }

    [Fact]
    public async Task A_labels_file_in_the_zip_says_what_the_images_are()
    {
        var labels = "file,label\n1.png,spring\ncats/2.png,autumn\n"u8.ToArray();
        var name = await AddAsync("labels", "application/zip", Zip(("cats/1.png", Pixel), ("cats/2.png", Pixel), ("dogs/3.png", Pixel), ("labels.csv", labels)));

        var rows = (await host.Admin.GetAsync($"/api/v1/datasets/{name}/rows?columns=file&columns=label")).GetProperty("items");
        Assert.Equal(
            ["""{"file":"cats/1.png","label":"spring"}""", """{"file":"cats/2.png","label":"autumn"}""", """{"file":"dogs/3.png","label":null}"""],
            rows.EnumerateArray().Select(row => JsonSerializer.Serialize(row)));
        var findings = (await host.Admin.GetAsync($"/api/v1/datasets/{name}/quality")).GetProperty("findings");
        Assert.Contains(findings.EnumerateArray(), finding => finding.GetProperty("detail").GetString()!.Contains("1 of 3 images have no label", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_zip_entry_that_would_leave_its_folder_stays_in_the_archive()
    {
        var name = await AddAsync("escape", "application/zip", Zip(("../../escaped.png", Pixel), ("cats/1.png", Pixel)));

        var aside = (await host.Admin.GetAsync($"/api/v1/datasets/{name}/quarantine")).GetProperty("reasons");
        Assert.Equal("""[{"value":"unsafe-path","count":1}]""", JsonSerializer.Serialize(aside));
    }

    [Fact]
    public async Task A_table_compressed_with_zstd_is_a_table()
    {
        var name = await AddAsync("zstd", "application/zstd", Convert.FromBase64String(CompressedTable));

        Assert.Equal(200, (await host.Admin.GetAsync($"/api/v1/datasets/{name}/quality")).GetProperty("rowsKept").GetInt64());
        var expected = "n,kind\n" + string.Concat(Enumerable.Range(0, 200).Select(n => $"{n},{(n % 2 == 0 ? "even" : "odd")}\n"));
        Assert.Equal(expected, await host.Admin.Http.GetStringAsync($"/api/v1/datasets/{name}/data?format=csv"));
    }

    [Fact]
    public async Task A_table_of_objects_that_is_sent_without_a_name_is_read_as_such()
    {
        var name = await AddAsync("objects", "application/octet-stream", Encoding.UTF8.GetBytes("""[{"n": 1, "kind": "odd"}, {"n": 2, "kind": "even"}]"""));

        var rows = (await host.Admin.GetAsync($"/api/v1/datasets/{name}/rows")).GetProperty("items");
        Assert.Equal("""[{"n":1,"kind":"odd"},{"n":2,"kind":"even"}]""", JsonSerializer.Serialize(rows));
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] entries)
    {
        using var file = new MemoryStream();
        using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in entries)
            {
                using var entry = archive.CreateEntry(name).Open();
                entry.Write(content);
            }
        }

        return file.ToArray();
    }

    private async Task<string> AddAsync(string prefix, string type, byte[] content)
    {
        var name = HostFixture.NewName(prefix);
        using var body = new ByteArrayContent(content) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
        var answer = await host.Admin.PutAsync($"/api/v1/datasets/{name}?pipeline=none", body, HttpStatusCode.Accepted);
        var run = await host.Admin.AwaitRunAsync(answer.GetProperty("run").GetString()!);
        Assert.True(run.GetProperty("status").GetString() == "succeeded", run.ToString());
        return name;
    }
}
