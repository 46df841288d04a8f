using System.Text;
using AIaaS.Serving.Models;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Tests;

public class TextTensorTests
{
    [Theory]
    [InlineData("a", "bc", "def")]
    [InlineData("", "x", "")]
    [InlineData("", "")]
    [InlineData("für", "日本", "\0 in it", "")]
    public void Elements_are_those_of_the_tensor(params string[] elements)
    {
        var texts = new TextTensor();
        using var value = Tensor(elements);

        texts.Add(value, elements.Length);

        Assert.Equal(elements, Read(texts));
        Assert.Equal(elements.Sum(Encoding.UTF8.GetByteCount), texts.Length);
    }

    [Fact]
    public void Tensors_are_added_one_behind_the_other_until_they_are_cleared()
    {
        var texts = new TextTensor();
        using var first = Tensor("one", "", "two");
        using var second = Tensor("", "three");

        texts.Add(first, 3);
        texts.Add(second, 2);
        var both = Read(texts);
        texts.Clear();
        texts.Add(second, 2);

        Assert.Equal(["one", "", "two", "", "three"], both);
        Assert.Equal(["", "three"], Read(texts));
    }

    [Fact]
    public void All_elements_come_in_one_call_of_the_runtime() => Assert.True(TextTensor.IsWhole);

    [Fact]
    public void Memory_for_very_many_texts_is_given_back()
    {
        var texts = new TextTensor();
        using var value = Tensor([.. Enumerable.Repeat("0123456789", 200_000)]);
        texts.Add(value, 200_000);

        texts.Clear();

        Assert.Equal(0, texts.HeldBytes);
    }

    private static OrtValue Tensor(params string[] elements)
    {
        var value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, [elements.Length]);
        for (var i = 0; i < elements.Length; i++)
            value.StringTensorSetElementAt(Encoding.UTF8.GetBytes(elements[i]).AsSpan(), i);
        return value;
    }

    private static string[] Read(TextTensor texts) => [.. Enumerable.Range(0, texts.Count).Select(i => Encoding.UTF8.GetString(texts[i]))];
}
