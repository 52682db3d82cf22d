// Opens and closes dialogs. It is no module, and stands before the page's body: a button that is there
// works, be it pressed as soon as it is seen.

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-opens], dialog button[data-closes]");
  if (button?.dataset.opens) document.getElementById(button.dataset.opens).showModal();
  else button?.closest("dialog").close();
});
