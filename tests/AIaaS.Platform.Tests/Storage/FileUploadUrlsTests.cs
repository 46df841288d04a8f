using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.WebUtilities;

namespace AIaaS.Platform.Tests.Storage;

public sealed class FileUploadUrlsTests
{
    private static readonly ObjectPath Drop = new("incoming", "default/churn/my file (1) é+%.csv");
    private static readonly Uri Base = new("http://127.0.0.1:7071/");

    private readonly SteppedTime _time = new();
    private readonly FileUploadUrls _urls;

    public FileUploadUrlsTests() => _urls = new FileUploadUrls(new byte[32], _time);

    [Fact]
    public void A_url_leads_back_to_its_object()
    {
        var made = _urls.Create(Drop, TimeSpan.FromMinutes(10), Base);

        Assert.True(Verify(made.Url, out var target, out var reason));
        Assert.Equal(Drop, target);
        Assert.Null(reason);
        Assert.Equal(_time.GetUtcNow().AddMinutes(10), made.Expires);
        Assert.StartsWith("http://127.0.0.1:7071/uploads/incoming/default/churn/", made.Url.AbsoluteUri, StringComparison.Ordinal);
    }

    [Fact]
    public void A_base_below_a_path_is_kept() =>
        Assert.StartsWith("https://example.org/ai/uploads/incoming/", _urls.Create(Drop, TimeSpan.FromMinutes(1), new Uri("https://example.org/ai")).Url.AbsoluteUri, StringComparison.Ordinal);

    [Fact]
    public void A_url_ends_when_it_expires()
    {
        var made = _urls.Create(Drop, TimeSpan.FromMinutes(10), Base);
        _time.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
        Assert.True(Verify(made.Url, out _, out _));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(Verify(made.Url, out _, out var reason));
        Assert.Contains("expired", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_later_expiry_does_not_fit_the_signature()
    {
        var (path, expires, signature) = Parts(_urls.Create(Drop, TimeSpan.FromMinutes(10), Base).Url);
        Assert.False(_urls.TryVerify(path, (long.Parse(expires, null) + 1).ToString((IFormatProvider?)null), signature, out _, out _));
    }

    [Fact]
    public void Another_object_does_not_fit_the_signature()
    {
        var (path, expires, signature) = Parts(_urls.Create(Drop, TimeSpan.FromMinutes(10), Base).Url);
        Assert.False(_urls.TryVerify(path.Replace("default", "other", StringComparison.Ordinal), expires, signature, out var target, out _));
        Assert.Equal(default, target);
    }

    [Fact]
    public void Another_key_does_not_fit()
    {
        var others = new FileUploadUrls(Enumerable.Repeat((byte)1, 32).ToArray(), _time);
        Assert.False(Verify(others.Create(Drop, TimeSpan.FromMinutes(10), Base).Url, out _, out _));
    }

    [Theory]
    [InlineData(null, "1", "x")]
    [InlineData("incoming", "1", "x")]
    [InlineData("incoming/a", null, null)]
    [InlineData("incoming/a", "-1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("incoming/a", "99999999999", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!")]
    [InlineData("incoming/a", "99999999999", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("incoming/a", "99999999999", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  ")]
    public void What_is_no_url_of_ours_is_refused_with_a_reason(string? path, string? expires, string? signature)
    {
        Assert.False(_urls.TryVerify(path, expires, signature, out _, out var reason));
        Assert.NotEmpty(reason);
    }

    [Fact]
    public void A_short_key_is_refused() => Assert.Throws<ArgumentException>(() => new FileUploadUrls(new byte[31], _time));

    [Fact]
    public async Task A_url_is_good_after_a_restart_and_its_key_is_its_owners_alone()
    {
        using var home = new TemporaryFolder();
        UploadUrl made;
        using (var store = new FileObjectStore(new FileObjectStoreOptions { Root = home["storage"] }, _time))
        {
            made = await store.CreateUploadUrlAsync(Drop, TimeSpan.FromMinutes(10), Base, default);
        }

        using var restarted = new FileObjectStore(new FileObjectStoreOptions { Root = home["storage"] }, _time);
        var (path, expires, signature) = Parts(made.Url);
        Assert.True(restarted.UploadUrls.TryVerify(path, expires, signature, out _, out _));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(home["uploads.key"]));
        }
    }

    [Fact]
    public void A_damaged_key_file_is_reported()
    {
        using var home = new TemporaryFolder();
        File.WriteAllText(home["uploads.key"], "short");
        Assert.Throws<IOException>(() => new FileObjectStore(new FileObjectStoreOptions { Root = home["storage"] }, _time));
    }

    private bool Verify(Uri url, out ObjectPath target, out string? reason)
    {
        var (path, expires, signature) = Parts(url);
        return _urls.TryVerify(path, expires, signature, out target, out reason);
    }

    /// <summary>As routing and query parsing hand them to a function.</summary>
    private static (string Path, string Expires, string Signature) Parts(Uri url)
    {
        var query = QueryHelpers.ParseQuery(url.Query);
        return (Uri.UnescapeDataString(url.AbsolutePath)["/uploads/".Length..], query["expires"].ToString(), query["signature"].ToString());
    }
}
