const search = document.getElementById("search");
search.parentElement.hidden = false;
search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  for (const row of document.querySelectorAll("tbody tr")) {
    row.hidden = !row.dataset.words.toLowerCase().includes(wanted);
  }
});
